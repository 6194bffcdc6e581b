"""Convolutions over rows and columns in integers, channels last. Twin of kernels/conv2d.h.

The accumulators are finished as those of a linear layer are (`linear.finish_accumulator`).
"""

import numpy as np

from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.window import Window


def conv2d_products(x: Integers, weight: Integers, window: Window, *, pad_value: int, groups: int) -> Integers:
    """Return the accumulators (B, R', C', o) of x (B, R, C, c) with weight (o, rows, columns, c / groups).

    Padding reads as `pad_value`. float64 BLAS is exact because every sum is below 2**53.
    """
    out_channels, _, _, group_width = weight.shape
    grouped_weight = weight.reshape(groups, -1, *window.size, group_width).astype(np.float64)
    acc: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None = None
    shape = (x.shape[0], *window.output_size(*x.shape[1:3]))
    for i, j, frames in window.frames(x.astype(np.float64), pad_value):
        columns = frames.reshape(-1, groups, group_width).transpose(1, 0, 2)  # (groups, positions, c / groups)
        products = columns @ grouped_weight[:, :, i, j].transpose(0, 2, 1)
        acc = products if acc is None else acc + products
    assert acc is not None
    return np.rint(acc.transpose(1, 0, 2)).astype(np.int64).reshape(*shape, out_channels)
