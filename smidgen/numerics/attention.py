"""Scaled dot-product attention as one integer operator. Twin of kernels/attention.h.

Row maximum, table numerators, their sum, products with V on the unnormalised numerators, one reciprocal a row
(normalised 8-bit probabilities would lose 20 dB at T = 400). Masked entries are skipped.
"""

import math
from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.exponential import EXPONENT_BITS, EXPONENT_MAX, exp2_negative, reciprocal
from smidgen.numerics.fixed_point import (
    Integers,
    fixed_point,
    integer_range,
    requantize,
    rounded_shift,
    saturate,
)
from smidgen.numerics.quantization import QParams

_NUMERATOR_ONE = 2**15


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionParameters:
    """Constants of one attention operator."""

    score_prescale: int  # right shift that brings a score below 2**30; 0 for int8 q and k
    score_multiplier: int  # score difference -> exponent of two in Q24
    score_shift: int
    score_limit: int  # differences beyond it have numerator 0
    value_shift: int  # right shift that brings sum(numerator * v) below 2**31
    output_multiplier: int  # in [2**30, 2**31)
    output_shift: int


def attention_parameters(
    q: QParams, k: QParams, v: QParams, y: QParams, *, width: int, steps: int, scale: float
) -> AttentionParameters:
    """Fold the scales for `width` channels a head and at most `steps` keys.

    q, k and v are symmetric. Raises GraphError where they are not, or a scale cannot be represented.
    """
    if any(p.zero_point for p in (q, k, v)):
        raise GraphError("attention needs symmetric q, k and v; their zero points must be 0")
    if scale <= 0:
        raise GraphError(f"attention: scale must be positive, got {scale:g}")
    score_bound = width * _largest(q) * _largest(k)
    score_prescale = max(0, score_bound.bit_length() - 30)
    exponent_scale = q.scale * k.scale * 2.0**score_prescale * scale * math.log2(math.e) * 2.0**EXPONENT_BITS
    score_multiplier, score_shift = fixed_point(exponent_scale, "attention: score scale")
    value_bound = steps * _NUMERATOR_ONE * _largest(v)
    value_shift = max(0, value_bound.bit_length() - 31)
    mantissa, exponent = math.frexp(v.scale / y.scale * 2.0**value_shift)
    # The sum of a row's numerators lies in [2**15, steps * 2**15], and its size plus 30 is the reciprocal's exponent.
    if not (exponent <= 46 and 45 + steps.bit_length() - exponent <= 62):
        raise GraphError(f"attention: scale {y.scale:g} of the output and {v.scale:g} of v differ too much")
    return AttentionParameters(
        score_prescale=score_prescale,
        score_multiplier=int(score_multiplier[0]),
        score_shift=score_shift,
        score_limit=min(2**31 - 1, math.ceil(EXPONENT_MAX / exponent_scale) + 1),
        value_shift=value_shift,
        output_multiplier=min(round(mantissa * 2.0**31), 2**31 - 1),
        output_shift=exponent,
    )


def _largest(qparams: QParams) -> int:
    low, high = integer_range(qparams.dtype)
    return max(-low, high)


def attention(
    q: Integers,
    k: Integers,
    v: Integers,
    *,
    causal: bool,
    score_prescale: int,
    score_multiplier: int,
    score_shift: int,
    score_limit: int,
    value_shift: int,
    output_multiplier: int,
    output_shift: int,
    zero_point: int,
    dtype: str,
) -> Integers:
    """Return softmax(q k^T * scale) v for q (B, T, H, w), k and v (B, S, H, w); causal keeps keys j <= i."""
    scores = np.einsum("bihd,bjhd->bhij", q.astype(np.float64), k.astype(np.float64)).astype(np.int64)
    scores = rounded_shift(scores, score_prescale)
    if causal:
        masked = np.triu(np.ones(scores.shape[-2:], bool), k=1)
        scores = np.where(masked, np.iinfo(np.int64).min // 2, scores)
    difference = np.minimum(scores.max(axis=-1, keepdims=True) - scores, score_limit)
    exponent = np.minimum(requantize(difference, score_multiplier, score_shift), EXPONENT_MAX)
    numerator = rounded_shift(exp2_negative(exponent), 16)  # Q15, one is 32768
    if causal:
        numerator = np.where(masked, 0, numerator)
    mantissa, places = reciprocal(numerator.sum(axis=-1))  # (B, H, T)
    acc = np.einsum("bhij,bjhd->bihd", numerator.astype(np.float64), v.astype(np.float64)).astype(np.int64)
    acc = rounded_shift(acc, value_shift)
    factor = rounded_shift(mantissa * output_multiplier, 31)
    factor, places = factor.transpose(0, 2, 1)[..., None], places.transpose(0, 2, 1)[..., None]
    return saturate(rounded_shift(acc * factor, places - output_shift) + zero_point, dtype)
