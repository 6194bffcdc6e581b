"""Fully connected layers. Twin of kernels/linear_f32.h.

A sum starts from +0 and takes the bias last.
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
