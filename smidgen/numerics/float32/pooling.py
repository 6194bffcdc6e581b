"""Poolings over rows and columns, channels last. Twin of kernels/pool_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.pooling import elements_inside
from smidgen.numerics.window import Window


@float32_only
def average_pool(x: Floats, window: Window, *, count_padding: bool) -> Floats:
    """Return the mean of each window of x (B, R, C, c): the sum by rows, then columns, and one division.

    Padding counts as elements of 0, or not at all.
    """
    acc: Floats = np.zeros((), np.float32)
    for _, _, frames in window.frames(x, 0.0):
        acc = acc + frames
    taps = np.full((1, 1, 1, 1), window.size[0] * window.size[1]) if count_padding else elements_inside(x, window)
    return np.divide(acc, taps.astype(np.float32), dtype=np.float32)


@float32_only
def max_pool(x: Floats, window: Window) -> Floats:
    """Return the largest element of each window of x (B, R, C, c), the first of equals; padding never is."""
    best = np.full((), -np.inf, np.float32)
    for _, _, frames in window.frames(x, -np.inf):
        best = np.where((frames > best) | np.isnan(frames), frames, best)
    return best
