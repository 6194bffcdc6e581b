"""Rounded fixed-point products: the one way in which Smidgen changes a scale. Twin of kernels/fixed_point.h."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smidgen.errors import GraphError

Integers = NDArray[np.int64]

MULTIPLIER_MAX = 2**31 - 1
_REQUANTIZED_MAX = 2**30
# Below this a multiplier at shift 0 would carry fewer than 18 significant bits.
_PRECISE_MULTIPLIER = 2**17


def rounded_shift(value: Integers, shift: ArrayLike) -> Integers:
    """Return floor(value / 2**shift + 1/2) for shift >= 0, element by element."""
    shift = np.asarray(shift, np.int64)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return np.asarray((value + half) >> shift, np.int64)


def requantize(acc: Integers, multiplier: ArrayLike, shift: int) -> Integers:
    """Return floor(acc * multiplier * 2**(shift - 32) + 1/2), saturated to +-2**30 so that a zero point can be added.

    Args: acc, int32 range; multiplier in [0, 2**31); shift in [-30, 31]. The product stays below 2**62.
    """
    return np.clip(
        rounded_shift(acc * np.asarray(multiplier, np.int64), 32 - shift), -_REQUANTIZED_MAX, _REQUANTIZED_MAX
    )


def saturate(value: Integers, dtype: str) -> Integers:
    """Clip to the legal values of `dtype`: all of int8 and int32, -32767..32767 for int16."""
    low, high = integer_range(dtype)
    return np.clip(value, low, high)


def integer_range(dtype: str) -> tuple[int, int]:
    """Return the smallest and largest legal value of an activation of `dtype`."""
    ranges = {"int8": (-128, 127), "int16": (-32767, 32767), "int32": (-(2**31), 2**31 - 1)}
    if dtype not in ranges:
        raise GraphError(f"{dtype!r} is not an integer type; expected one of {', '.join(ranges)}")
    return ranges[dtype]


def fixed_point(scales: NDArray[np.float64] | float, what: str = "scale") -> tuple[NDArray[np.int64], int]:
    """Return (multipliers, shift) with scales ~ multipliers * 2**(shift - 32), one shift for all of them.

    Shift 0 (one SMMULR on a DSP core) is taken where it keeps at least 18 significant bits of the largest scale.
    Raises GraphError where a scale is negative, not finite or beyond the representable range.
    """
    values = np.atleast_1d(np.asarray(scales, np.float64))
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise GraphError(f"{what} must be finite and not negative, found {values.min()} to {values.max()}")
    largest = float(values.max(initial=0.0))
    if largest == 0.0:
        return np.zeros(values.shape, np.int64), 0
    shift = math.frexp(largest)[1] + 1  # largest * 2**(32 - shift) is in [2**30, 2**31)
    if shift <= 0 and largest * 2.0**32 >= _PRECISE_MULTIPLIER:
        shift = 0
    if not -30 <= shift <= 31:
        raise GraphError(f"{what} {largest:g} is outside [2^-32, 2^30]; rescale the layer's weights")
    multipliers = np.rint(values * 2.0 ** (32 - shift)).astype(np.int64)
    return np.minimum(multipliers, MULTIPLIER_MAX), shift


def signed_fixed_point(
    factors: NDArray[np.float64], bits: int, what: str, *, largest_exponent: int
) -> tuple[NDArray[np.int64], int]:
    """Return (integers of `bits` bits, exponent) with factors ~ integers * 2**-exponent.

    The largest factor comes near full range, unless that takes an exponent above `largest_exponent`.
    """
    largest = float(np.max(np.abs(factors), initial=0.0))
    if not math.isfinite(largest):
        raise GraphError(f"{what} must be finite")
    limit = 2 ** (bits - 1) - 1
    if largest == 0.0:
        return np.zeros(factors.shape, np.int64), 0
    exponent = min(bits - 1 - math.frexp(largest)[1], largest_exponent)
    integers = np.rint(factors * 2.0**exponent).astype(np.int64)
    return np.clip(integers, -limit, limit), exponent


def prove_accumulator(bound: ArrayLike, what: str) -> int:
    """Return the largest bound, one for each row; raise GraphError unless every |accumulator| stays below 2**31."""
    bounds = [int(value) for value in np.asarray(bound, object).reshape(-1)]
    largest = max(bounds, default=0)
    if largest >= 2**31:
        row = f" in row {bounds.index(largest)} of {len(bounds)}" if len(bounds) > 1 else ""
        raise GraphError(
            f"{what}: the accumulator can reach {largest}{row}, an int32 holds less than {2**31}; "
            "narrow the layer, or use int8 for its input or its weights"
        )
    return largest
