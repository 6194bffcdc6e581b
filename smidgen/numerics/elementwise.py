"""Sums, products, quotients and changes of scale of integer tensors. Twin of kernels/elementwise.h."""

import math
from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.exponential import reciprocal
from smidgen.numerics.fixed_point import (
    MULTIPLIER_MAX,
    Integers,
    fixed_point,
    requantize,
    rounded_shift,
    saturate,
)
from smidgen.numerics.quantization import QParams

#: Legal shifts of a quotient: all of its shifts to the right stay within 0..62.
QUOTIENT_SHIFT = range(-14, 32)
_QUOTIENT_MAX = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class AddParameters:
    """y = sat((a * multiplier_a + b * multiplier_b + offset) rounded-shifted right by shift)."""

    multiplier_a: int
    multiplier_b: int
    offset: int
    shift: int


def add_parameters(a: QParams, b: QParams, y: QParams, *, factor: float = 1.0) -> AddParameters:
    """Bring the scales of a + factor * b to the third with one rounding; a difference has factor -1.

    int8 operands keep every term in 32 bits; with an int16 operand the sum takes 64.
    """
    wide = "int16" in (a.dtype, b.dtype)
    multiplier_bits, largest_shift = (30, 46) if wide else (21, 16)
    ratios = (a.scale / y.scale, factor * b.scale / y.scale)
    shift = min(multiplier_bits - math.frexp(max(map(abs, ratios)))[1], largest_shift)
    if shift < 1:
        raise GraphError(f"add: input scale {max(a.scale, b.scale):g} is too coarse for output scale {y.scale:g}")
    multiplier_a, multiplier_b = (round(ratio * 2.0**shift) for ratio in ratios)
    offset = (y.zero_point << shift) - a.zero_point * multiplier_a - b.zero_point * multiplier_b
    if not wide and not -(2**31) <= offset < 2**31:
        raise GraphError(f"add: offset {offset} leaves 32 bits; the operands' scales differ too much")
    return AddParameters(multiplier_a=multiplier_a, multiplier_b=multiplier_b, offset=offset, shift=shift)


def add(
    a: Integers, b: Integers, *, multiplier_a: int, multiplier_b: int, offset: int, shift: int, dtype: str
) -> Integers:
    """Return the sum in the output's scale; the factor of b is in its multiplier."""
    return saturate(rounded_shift(a * multiplier_a + b * multiplier_b + offset, shift), dtype)


def multiply(
    a: Integers, b: Integers, *, zero_points: tuple[int, int, int], multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return a * b in the output's scale; zero_points are those of a, b and the output."""
    product = (a - zero_points[0]) * (b - zero_points[1])
    return saturate(requantize(product, multiplier, shift) + zero_points[2], dtype)


def divide_parameters(a: QParams, b: QParams, y: QParams) -> tuple[int, int]:
    """Return (multiplier, shift) of a / b in y's scale; the multiplier has all its 31 bits."""
    ratio = a.scale / b.scale / y.scale
    mantissa, exponent = math.frexp(ratio)
    shift = exponent + 1
    if shift not in QUOTIENT_SHIFT:
        raise GraphError(
            f"div: scale {a.scale:g} divided by {b.scale:g} does not go with {y.scale:g} of the quotient; "
            "calibrate on inputs like those that the firmware will see"
        )
    return min(round(mantissa * 2.0**31), MULTIPLIER_MAX), shift


def divide(
    a: Integers, b: Integers, *, zero_points: tuple[int, int, int], multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return a / b in the output's scale, within 0.51 steps of it where b is not 0.

    x / 0 is the largest or smallest value, with the sign of x; 0 / 0 is 0. Both numbers are below 2**16.
    """
    dividend, divisor = a - zero_points[0], b - zero_points[1]
    mantissa, exponent = reciprocal(np.maximum(np.abs(divisor), 1))
    factor = rounded_shift(mantissa * np.int64(multiplier), 31)
    product = factor * np.where(divisor < 0, -dividend, dividend)
    quotient = np.clip(rounded_shift(product, exponent + 1 - shift), -_QUOTIENT_MAX, _QUOTIENT_MAX)
    quotient = np.where(divisor == 0, np.sign(dividend) * _QUOTIENT_MAX, quotient)
    return saturate(quotient + zero_points[2], dtype)


def rescale_parameters(x: QParams, y: QParams) -> tuple[int, int]:
    """Return (multiplier, shift) that bring x's scale to y's."""
    multiplier, shift = fixed_point(x.scale / y.scale, "rescale: ratio of scales")
    return int(multiplier[0]), shift


def rescale(
    x: Integers, *, zero_point_in: int, zero_point_out: int, multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return x in another scale."""
    return saturate(requantize(x - zero_point_in, multiplier, shift) + zero_point_out, dtype)
