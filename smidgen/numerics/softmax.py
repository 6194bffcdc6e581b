"""Softmax and log-softmax of rows in integers. Twin of kernels/softmax.h.

Row maximum, exponentials of the differences, their sum, one reciprocal or one logarithm a row. Exponentials are in Q31;
in a softmax of int8 one is the product of two of 32 stored ones, in Q30. Elements that are not seen count as minus
infinity; a row of which none is seen is 0.
"""

import math
from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.exponential import EXPONENT_BITS, exp_negative, exponent_constants, logarithm, reciprocal
from smidgen.numerics.fixed_point import Integers, integer_range, rounded_shift, saturate
from smidgen.numerics.quantization import QParams

_ONE = 2**31 - 1  # what exp_negative gives for 0
LOG_ONE = int(logarithm(np.asarray(_ONE)))
_STEEPEST = 22.0  # from here on one step of x is 2^-31 of its neighbour: the end of what Q31 says
_LOGIT_BITS = {"int8": 53, "int16": 45}  # of a multiplier of differences, which have 8 or 16 bits
_LOG_BITS = 32  # of a multiplier of logarithms of sums, which have 29 bits
_FALLS_OUT = 2.0**17  # steps of the result for one of x: beyond its range, as any more would be
_LONGEST_SHIFT = 62
_INT8_ONE_BITS = 30  # of what int8_powers give for 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftmaxParameters:
    """y = zero_point + e**-x / sum * output_multiplier * 2**(output_shift - 31)."""

    exponent_multiplier: int  # `exponent_constants` of a step of x
    exponent_shift: int
    exponent_limit: int
    output_multiplier: int  # in [2**30, 2**31)
    output_shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSoftmaxParameters:
    """y = zero_point - (difference * logit_multiplier + ln(sum) * log_multiplier) / 2**shift."""

    exponent_multiplier: int
    exponent_shift: int
    exponent_limit: int
    logit_multiplier: int
    log_multiplier: int
    shift: int


def softmax_parameters(x: QParams, y: QParams) -> SoftmaxParameters:
    """Fold the scales of input and output; raise GraphError where one cannot be represented."""
    multiplier, shift, limit = _exponent(x)
    mantissa, output_shift = math.frexp(1.0 / y.scale)
    if not -30 <= output_shift <= 61:
        raise GraphError(f"softmax: scale {y.scale:g} of the output is outside [2^-61, 2^30]")
    return SoftmaxParameters(
        exponent_multiplier=multiplier,
        exponent_shift=shift,
        exponent_limit=limit,
        output_multiplier=min(round(mantissa * 2.0**31), 2**31 - 1),
        output_shift=output_shift,
    )


def log_softmax_parameters(x: QParams, y: QParams) -> LogSoftmaxParameters:
    """Fold the scales of input and output; raise GraphError where one cannot be represented."""
    multiplier, exponent_shift, limit = _exponent(x)
    of_logit, of_log = min(x.scale / y.scale, _FALLS_OUT), 2.0**-EXPONENT_BITS / y.scale
    shift = min(_LOGIT_BITS[x.dtype] - math.frexp(of_logit)[1], _LOG_BITS - math.frexp(of_log)[1], _LONGEST_SHIFT)
    if shift < 0:
        raise GraphError(f"log_softmax: scale {y.scale:g} of the output is too fine for {x.scale:g} of the input")
    return LogSoftmaxParameters(
        exponent_multiplier=multiplier,
        exponent_shift=exponent_shift,
        exponent_limit=limit,
        logit_multiplier=round(of_logit * 2.0**shift),
        log_multiplier=round(of_log * 2.0**shift),
        shift=shift,
    )


def _exponent(x: QParams) -> tuple[int, int, int]:
    return exponent_constants(min(x.scale, _STEEPEST), "softmax: scale of the input")


def largest_log_sum(x_dtype: str, width: int, logit_multiplier: int, log_multiplier: int) -> int:
    """Return the largest magnitude of what log_softmax shifts, before its rounding."""
    low, high = integer_range(x_dtype)
    log_total: int = math.ceil(math.log(width) * 2**EXPONENT_BITS) + 4
    return (high - low) * logit_multiplier + log_total * log_multiplier


def softmax(
    x: Integers,
    *,
    exponent_multiplier: int,
    exponent_shift: int,
    exponent_limit: int,
    output_multiplier: int,
    output_shift: int,
    zero_point: int,
    x_dtype: str,
    dtype: str,
    seen: Integers | None = None,
) -> Integers:
    """Return the softmax of each row (..., n); seen (..., n) is 0 where an element does not count."""
    shown = np.ones(x.shape, bool) if seen is None else np.broadcast_to(seen != 0, x.shape)
    difference = _differences(x, shown)
    if x_dtype == "int8":
        coarse, fine = int8_powers(exponent_multiplier, exponent_shift, exponent_limit)
        power = rounded_shift(coarse[difference >> 4] * fine[difference & 15], 32)
    else:
        power = exp_negative(difference, exponent_multiplier, exponent_shift, exponent_limit)
    numerator = np.where(shown, power, 0)
    total = numerator.sum(axis=-1, keepdims=True)
    mantissa, places = reciprocal(np.where(total == 0, _ONE, total))
    factor = rounded_shift(mantissa * output_multiplier, 31)
    shift = places - output_shift
    # Beyond 62 places less than half a step is left.
    value = np.where(shift > _LONGEST_SHIFT, 0, rounded_shift(numerator * factor, np.minimum(shift, _LONGEST_SHIFT)))
    return saturate(value + zero_point, dtype)


def int8_powers(exponent_multiplier: int, exponent_shift: int, exponent_limit: int) -> Integers:
    """Return (2, 16) in Q31: e**-x for x = 0, 16, ..., 240, and for x = 0..15; a product of two is that of any int8."""
    steps = np.arange(16, dtype=np.int64)
    return exp_negative(np.stack([16 * steps, steps]), exponent_multiplier, exponent_shift, exponent_limit)


def fits_words(width: int, output_shift: int) -> bool:
    """True if the shifts of an int8 softmax of int8 rows are 33 to 62 places: one word is cut off, and some bits."""
    least = _INT8_ONE_BITS + 30 - output_shift  # by the size of a sum plus 30; it is at least one
    return least > 32 and least + width.bit_length() <= 62


def log_softmax(
    x: Integers,
    *,
    exponent_multiplier: int,
    exponent_shift: int,
    exponent_limit: int,
    logit_multiplier: int,
    log_multiplier: int,
    shift: int,
    zero_point: int,
    dtype: str,
) -> Integers:
    """Return the logarithm of the softmax of each row (..., n)."""
    difference = _differences(x, np.ones(x.shape, bool))
    total = exp_negative(difference, exponent_multiplier, exponent_shift, exponent_limit).sum(axis=-1, keepdims=True)
    log_total = np.maximum(logarithm(total) - LOG_ONE, 0)
    below = rounded_shift(difference * logit_multiplier + log_total * log_multiplier, shift)
    return saturate(zero_point - below, dtype)


def _differences(x: Integers, shown: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Integers:
    """Return how far each element is below the largest of its row that is seen, 0 where it is not seen."""
    peak = np.where(shown, x, np.iinfo(np.int32).min).max(axis=-1, keepdims=True)
    return np.where(shown, peak - x, 0)
