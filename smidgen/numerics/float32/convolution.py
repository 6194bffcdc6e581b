"""Convolutions over rows and columns, channels last. Twin of kernels/conv2d_f32.h.

A sum starts from +0 and takes the bias last: so it never is -0, and a product with a padded 0 changes no bit of it.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.window import Window


@float32_only
def conv2d(x: Floats, weight: Floats, bias: Floats, window: Window, *, groups: int = 1) -> Floats:
    """Return the cross-correlation (B, R', C', o) of x (B, R, C, c) with weight (o, rows, columns, c / groups).

    Sums run over the window's rows, its columns, then the channels of the group. Padding reads as 0.
    """
    out_channels, _, _, group_width = weight.shape
    grouped_weight = weight.reshape(groups, -1, *window.size, group_width)
    shape = (x.shape[0], *window.output_size(*x.shape[1:3]))
    acc = np.zeros((*shape, groups, out_channels // groups), np.float32)
    for i, j, frames in window.frames(x, 0.0):
        grouped = frames.reshape(*shape, groups, group_width)
        for channel in range(group_width):
            acc += grouped[..., channel, None] * grouped_weight[:, :, i, j, channel]
    return acc.reshape(*shape, out_channels) + bias
