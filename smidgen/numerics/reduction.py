"""Sums and means in integers, over one axis and over all elements so far. Twin of kernels/reduce.h.

The ratio of scales does not depend on how many elements are averaged: the sum is multiplied by it and by the reciprocal
of their number, and rounded once. So a mean over n elements and the n-th of running means are the same integers.
"""

import math

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.exponential import reciprocal
from smidgen.numerics.fixed_point import (
    Integers,
    fixed_point,
    integer_range,
    prove_accumulator,
    requantize,
    rounded_shift,
    saturate,
)
from smidgen.numerics.quantization import QParams

_LONGEST_SHIFT = 62


def mean_parameters(x: QParams, y: QParams, length: int) -> tuple[int, int]:
    """Return (multiplier, shift) with x.scale / y.scale ~ multiplier * 2**(shift - 31), multiplier in [2**30, 2**31).

    Raises GraphError where a sum of `length` elements may overflow, or the scales differ too much for so many.
    """
    prove_accumulator(length * largest_distance(x.dtype, x.zero_point), "mean")
    mantissa, shift = math.frexp(x.scale / y.scale)
    if not 0 <= 30 + length.bit_length() - shift <= _LONGEST_SHIFT:
        raise GraphError(f"mean: scale {y.scale:g} of the output and {x.scale:g} of the input differ too much")
    return min(round(mantissa * 2.0**31), 2**31 - 1), shift


def most_elements(dtype: str, zero_point: int, shift: int) -> int:
    """Return how many elements may be averaged at most: their sum fits int32, the places of the mean a shift."""
    return min((2**31 - 1) // largest_distance(dtype, zero_point), (1 << (_LONGEST_SHIFT - 30 + shift)) - 1)


def largest_distance(dtype: str, zero_point: int) -> int:
    """Return the largest distance of a value from the zero point."""
    low, high = integer_range(dtype)
    return max(zero_point - low, high - zero_point)


def mean(x: Integers, *, axis: int, zero_points: tuple[int, int], multiplier: int, shift: int, dtype: str) -> Integers:
    """Return the mean over `axis` in the output's scale; zero_points are those of input and output."""
    total = (x - zero_points[0]).sum(axis=axis)
    return mean_of(total, x.shape[axis], multiplier, shift, zero_points[1], dtype)


def sum_parameters(x: QParams, y: QParams, length: int, *, factor: float = 1.0) -> tuple[int, int]:
    """Return (multiplier, shift) of factor times the sum of `length` elements; raise GraphError if it may overflow."""
    prove_accumulator(length * largest_distance(x.dtype, x.zero_point), "sum")
    multiplier, shift = fixed_point(factor * x.scale / y.scale, "sum: ratio of scales")
    return int(multiplier[0]), shift


def sum_along(
    x: Integers, *, axis: int, zero_points: tuple[int, int], multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return the sum over `axis` in the output's scale; zero_points are those of input and output."""
    total = (x - zero_points[0]).sum(axis=axis)
    return saturate(requantize(total, multiplier, shift) + zero_points[1], dtype)


def mean_of(total: Integers, count: int, multiplier: int, shift: int, zero_point: int, dtype: str) -> Integers:
    """Return the mean of `count` elements whose sum without zero points is `total`, in the output's scale."""
    mantissa, places = reciprocal(np.asarray(count, np.int64))
    factor = rounded_shift(mantissa * multiplier, 31)
    return saturate(rounded_shift(total * factor, places - shift) + zero_point, dtype)
