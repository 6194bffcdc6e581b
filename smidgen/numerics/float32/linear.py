"""Fully connected layers and one-dimensional convolutions. Twin of kernels/linear_f32.h and conv1d_f32.h.

A sum starts from +0 and takes the bias last: so it never is -0, and a product with a padded 0 changes no bit of it.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only

# Sums held at once, so that they stay in the cache while k runs.
_SUMS_PER_BLOCK = 1 << 16


@float32_only
def linear(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """Return x (..., k) times weight (o, k) transposed, plus bias (o,); sums run over k = 0, 1, ..."""
    out_width, in_width = weight.shape
    columns = np.ascontiguousarray(x.reshape(-1, in_width).T)  # (k, rows): numpy is fast along rows
    rows = columns.shape[1]
    y = np.empty((rows, out_width), np.float32)
    block = max(1, _SUMS_PER_BLOCK // out_width)
    for start in range(0, rows, block):
        piece = columns[:, start : start + block]
        acc = np.zeros((out_width, piece.shape[1]), np.float32)
        product = np.empty_like(acc)
        for k in range(in_width):
            acc += np.multiply(weight[:, k, None], piece[k], out=product)
        y[start : start + block] = acc.T + bias
    return y.reshape(*x.shape[:-1], out_width)


@float32_only
def conv1d(
    x: Floats,
    weight: Floats,
    bias: Floats,
    *,
    pad: tuple[int, int],
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
) -> Floats:
    """Return the cross-correlation (B, T', o) of x (B, T, c) with weight (o, c / groups, taps); pad with zeros in time.

    Sums run over taps, and within a tap over the channels of the group.
    """
    out_channels, group_width, taps = weight.shape
    padded = np.pad(x, ((0, 0), pad, (0, 0)))
    batch, steps = x.shape[0], (padded.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    grouped_weight = weight.reshape(groups, out_channels // groups, group_width, taps)
    acc = np.zeros((batch, steps, groups, out_channels // groups), np.float32)
    for tap in range(taps):
        start = tap * dilation
        frames = padded[:, start : start + (steps - 1) * stride + 1 : stride].reshape(batch, steps, groups, group_width)
        for channel in range(group_width):
            acc += frames[..., channel, None] * grouped_weight[:, :, channel, tap]
    return acc.reshape(batch, steps, out_channels) + bias
