"""Scaled dot-product attention as one integer operator. Twin of kernels/attention.h.

Row maximum, table numerators, their sum, products with V on the unnormalised numerators, one reciprocal a row
(normalised 8-bit probabilities would lose 20 dB at T = 400). Masked pairs are skipped; a row that sees no key is 0.

A constant bias (masks, ALiBi, relative positions) is rounded to nearest in steps of 2**bias_shift scores: 16 bits that
its largest value fills, or the scores' own step where that is coarser. So it is off by at most max |bias| / 32767 or
half a score; one step of q or k moves a score by more.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.exponential import exp_negative, exponent_constants, reciprocal
from smidgen.numerics.fixed_point import (
    Integers,
    integer_range,
    rounded_shift,
    saturate,
)
from smidgen.numerics.quantization import QParams

NUMERATOR_ONE = 2**15
HIDDEN_BIAS = -(2**15)  # hides a pair
BIAS_LIMIT = 2**15 - 1
_SCORE_BITS = 30  # |score + bias| < 2**30, so that a difference of two fits int32
_BIAS_ROUNDED = 1.0 + 2.0**-14  # the largest bias after it is rounded to 16 bits
_UNSEEN = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionParameters:
    """Constants of one attention operator; `bias` (H or 1, distances or T, S) is None where nothing is added."""

    score_prescale: int  # right shift that brings a score below 2**30; 0 for int8 q and k
    score_multiplier: int  # `exponent_constants` of a score
    score_shift: int
    score_limit: int  # differences beyond it have numerator 0
    bias_shift: int  # a step of the bias is 2**bias_shift scores
    value_shift: int  # right shift that brings sum(numerator * v) below 2**31
    output_multiplier: int  # in [2**30, 2**31)
    output_shift: int
    bias: Integers | None = None


def attention_parameters(
    q: QParams,
    k: QParams,
    v: QParams,
    y: QParams,
    *,
    width: int,
    keys: int,
    scale: float,
    bias: NDArray[np.float64] | None = None,
) -> AttentionParameters:
    """Fold the scales for `width` channels a head and at most `keys` keys that a query sees.

    Args: bias, what is added to the scaled scores, -inf for a pair that is hidden.
    q, k and v are symmetric. Raises GraphError where they are not, or a scale cannot be represented.
    """
    if any(p.zero_point for p in (q, k, v)):
        raise GraphError("attention needs symmetric q, k and v; their zero points must be 0")
    if scale <= 0:
        raise GraphError(f"attention: scale must be positive, got {scale:g}")
    step = q.scale * k.scale * scale  # of a score before its prescale
    peak = 0.0 if bias is None else float(np.abs(bias, where=np.isfinite(bias), out=np.zeros(bias.shape)).max())
    score_bound = width * _largest(q) * _largest(k) + math.ceil(peak * _BIAS_ROUNDED / step)
    score_prescale = max(0, (score_bound + 2).bit_length() - _SCORE_BITS)
    step *= 2.0**score_prescale
    score_multiplier, score_shift, score_limit = exponent_constants(step, "attention: score scale")
    value_bound = keys * NUMERATOR_ONE * _largest(v)
    value_shift = max(0, value_bound.bit_length() - 31)
    mantissa, exponent = math.frexp(v.scale / y.scale * 2.0**value_shift)
    # The sum of a row's numerators lies in [2**15, keys * 2**15], and its size plus 30 is the reciprocal's exponent.
    if not (exponent <= 46 and 45 + keys.bit_length() - exponent <= 62):
        raise GraphError(f"attention: scale {y.scale:g} of the output and {v.scale:g} of v differ too much")
    bias_shift = max(0, math.frexp(peak / step / BIAS_LIMIT)[1])
    return AttentionParameters(
        score_prescale=score_prescale,
        score_multiplier=score_multiplier,
        score_shift=score_shift,
        score_limit=score_limit,
        bias_shift=bias_shift,
        value_shift=value_shift,
        output_multiplier=min(round(mantissa * 2.0**31), 2**31 - 1),
        output_shift=exponent,
        bias=None if bias is None else _bias_integers(bias, step * 2.0**bias_shift),
    )


def _largest(qparams: QParams) -> int:
    low, high = integer_range(qparams.dtype)
    return max(-low, high)


def _bias_integers(bias: NDArray[np.float64], step: float) -> Integers:
    seen = np.isfinite(bias)
    steps = np.rint(np.where(seen, bias, 0.0) / step).astype(np.int64)
    return np.where(seen, np.clip(steps, -BIAS_LIMIT, BIAS_LIMIT), HIDDEN_BIAS)


def attention(
    q: Integers,
    k: Integers,
    v: Integers,
    *,
    causal: bool,
    window: int,
    offset: int,
    score_prescale: int,
    score_multiplier: int,
    score_shift: int,
    score_limit: int,
    bias_shift: int,
    value_shift: int,
    output_multiplier: int,
    output_shift: int,
    zero_point: int,
    dtype: str,
    bias: Integers | None = None,
) -> Integers:
    """Return softmax(q k^T * scale + bias) v, (B, T, H, u), for q (B, T, H, w), k (B, S, G, w), v (B, S, G, u).

    H / G heads in a row share keys and values. What a query sees is told in `attention_span`.
    """
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], axis=2) for x in (k, v))
    scores = np.einsum("bihd,bjhd->bhij", q.astype(np.float64), k.astype(np.float64)).astype(np.int64)
    scores = rounded_shift(scores, score_prescale)
    span = AttentionSpan(causal=causal, window=window, offset=offset)
    visible = span.visible(q.shape[1], k.shape[1])
    if bias is not None:
        added = span.by_pair(bias, q.shape[1], k.shape[1])
        visible = visible & (added != HIDDEN_BIAS)
        scores = scores + (added << bias_shift)
    scores = np.where(visible, scores, _UNSEEN)
    decay = exp_negative(scores.max(axis=-1, keepdims=True) - scores, score_multiplier, score_shift, score_limit)
    numerator = np.where(visible, rounded_shift(decay, 16), 0)  # Q15, one is 32768
    total = numerator.sum(axis=-1)
    mantissa, places = reciprocal(np.where(total == 0, NUMERATOR_ONE, total))  # (B, H, T)
    acc = np.einsum("bhij,bjhd->bihd", numerator.astype(np.float64), v.astype(np.float64)).astype(np.int64)
    acc = rounded_shift(acc, value_shift)
    factor = rounded_shift(mantissa * output_multiplier, 31)
    factor, places = factor.transpose(0, 2, 1)[..., None], places.transpose(0, 2, 1)[..., None]
    return saturate(rounded_shift(acc * factor, places - output_shift) + zero_point, dtype)
