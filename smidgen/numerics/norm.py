"""RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4) in integers. Twin of kernels/norm.h.

Deviations have 25 bits, the normalised row is Q30, gains have 16 bits. The input's scale cancels: only eps needs it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.exponential import reciprocal_sqrt
from smidgen.numerics.fixed_point import (
    Integers,
    fixed_point,
    integer_range,
    rounded_shift,
    saturate,
    signed_fixed_point,
)
from smidgen.numerics.quantization import QParams

_DEVIATION_BITS = 24  # below its sign: 8 or 16 of the input, the rest fraction
_NORMALISED_BITS = 30  # of a deviation over the root of the row's power


@dataclass(frozen=True, slots=True, kw_only=True)
class NormParameters:
    """y = sat((n * gain) shifted + bias), n the deviation times the reciprocal root of sum(deviation**2) + epsilon."""

    gain: Integers  # (d,) int16: sqrt(D) and the output's scale folded in
    bias: Integers  # (d,) int32 in output steps, zero point included
    gain_shift: int
    fraction_bits: int  # of a deviation
    epsilon: int  # D * eps in squared units of a deviation
    mean_multiplier: int  # 2**fraction_bits / D in fixed point; 0 for RMSNorm, which leaves the mean in
    mean_shift: int


def norm_parameters(
    gain: NDArray[np.float64], bias: NDArray[np.float64], eps: float, x: QParams, y: QParams, *, centred: bool
) -> NormParameters:
    """Fold sqrt(D), the gain and the output scale; `centred` for LayerNorm. gain and bias (d,).

    Raises GraphError where a row's power may leave 62 bits, or the gain does not fit the output's scale.
    """
    width = gain.shape[0]
    low, high = integer_range(x.dtype)
    largest_power = width * ((high - low) ** 2 + eps / x.scale**2)
    fraction_bits = min(_DEVIATION_BITS - (high - low).bit_length(), math.floor(30.99 - math.log2(largest_power) / 2))
    if fraction_bits < 0:
        raise GraphError(f"norm: {width} features, or eps {eps:g} beside the input's scale {x.scale:g}, are too large")
    integer_gain, exponent = signed_fixed_point(
        gain * np.sqrt(width) / y.scale, 16, "norm gain", largest_exponent=62 - _NORMALISED_BITS
    )
    integer_bias = np.rint(bias / y.scale).astype(np.int64) + y.zero_point
    if exponent < -_NORMALISED_BITS or np.abs(integer_bias).max() >= 2**31:
        raise GraphError(f"norm: its weight or its bias is too large for output scale {y.scale:g}")
    mean_multiplier, mean_shift = fixed_point(2.0**fraction_bits / width) if centred else (np.zeros(1), 0)
    return NormParameters(
        gain=integer_gain,
        bias=integer_bias,
        gain_shift=_NORMALISED_BITS + exponent,
        fraction_bits=fraction_bits,
        epsilon=max(1, round(width * eps * (2.0**fraction_bits / x.scale) ** 2)),
        mean_multiplier=int(mean_multiplier[0]),
        mean_shift=mean_shift,
    )


def norm(
    x: Integers,
    *,
    gain: Integers,
    bias: Integers,
    gain_shift: int,
    fraction_bits: int,
    epsilon: int,
    mean_multiplier: int,
    mean_shift: int,
    zero_point: int,
    dtype: str,
) -> Integers:
    """Return the normalised rows of x (..., d); mean_multiplier 0 leaves the mean in (RMSNorm)."""
    centred = x - zero_point
    mean = rounded_shift(centred.sum(axis=-1, keepdims=True) * mean_multiplier, 32 - mean_shift)
    deviation = (centred << fraction_bits) - mean
    power = (deviation * deviation).sum(axis=-1, keepdims=True) + epsilon
    root, exponent = reciprocal_sqrt(power)
    normalised = rounded_shift(deviation * root, exponent - _NORMALISED_BITS)  # at most 2**30 and a few
    return saturate(rounded_shift(normalised * gain, gain_shift) + bias, dtype)
