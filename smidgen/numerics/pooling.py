"""Poolings over rows and columns in integers, channels last. Twin of kernels/pool.h."""

from dataclasses import dataclass

import numpy as np

from smidgen.numerics.fixed_point import Integers, fixed_point, integer_range, prove_accumulator, requantize, saturate
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePoolParameters:
    """y = sat(zero_point + requantize(sum, multiplier[n - 1], shift)), n the elements that the window has inside x.

    One multiplier where padding counts as elements of 0, so that every window divides by its taps.
    """

    multiplier: Integers  # (1,) or (taps,)
    shift: int


def average_pool_parameters(x: QParams, y: QParams, *, taps: int, count_padding: bool) -> AveragePoolParameters:
    """Fold the scales and the division; raise GraphError if a window's sum may overflow."""
    low, high = integer_range(x.dtype)
    prove_accumulator(taps * (high - low), "average pooling")
    counts = np.array([taps]) if count_padding else np.arange(1, taps + 1)
    multiplier, shift = fixed_point(x.scale / y.scale / counts, "average pooling: ratio of scales")
    return AveragePoolParameters(multiplier=multiplier, shift=shift)


def average_pool(
    x: Integers,
    window: Window,
    *,
    multiplier: Integers,
    shift: int,
    count_padding: bool,
    zero_points: tuple[int, int],
    dtype: str,
) -> Integers:
    """Return the mean of each window of x (B, R, C, c); zero_points are those of input and output."""
    total = np.zeros((), np.int64)
    for _, _, frames in window.frames(x - zero_points[0], 0):
        total = total + frames
    chosen = multiplier if count_padding else multiplier[elements_inside(x, window) - 1]
    return saturate(requantize(total, chosen, shift) + zero_points[1], dtype)


def max_pool(x: Integers, window: Window) -> Integers:
    """Return the largest element of each window of x (B, R, C, c); padding never is."""
    best = np.full((), np.iinfo(np.int64).min)
    for _, _, frames in window.frames(x, np.iinfo(np.int64).min):
        best = np.maximum(best, frames)
    return best


def elements_inside(x: np.ndarray[tuple[int, ...], np.dtype[np.generic]], window: Window) -> Integers:
    """Return how many elements of x (B, R, C, c) each window holds, (1, R', C', 1)."""
    ones = np.ones((1, *x.shape[1:3], 1), np.int64)
    return np.asarray(sum(frames for _, _, frames in window.frames(ones, 0)), np.int64)
