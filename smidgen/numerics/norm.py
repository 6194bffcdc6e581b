"""RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4) in integers. Twin of kernels/norm.h.

The input's scale cancels, so only eps and the learned gain need it. Deviations are held in 17 bits, gains in 16.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.exponential import reciprocal_sqrt
from smidgen.numerics.fixed_point import Integers, fixed_point, rounded_shift, saturate, signed_fixed_point
from smidgen.numerics.quantization import QParams


@dataclass(frozen=True, slots=True, kw_only=True)
class NormParameters:
    """y = sat((d * gain * r) shifted + bias), d the deviation, r the reciprocal root of sum(d^2) + epsilon."""

    gain: Integers  # (d,) int16
    bias: Integers  # (d,) int32 in output steps, zero point included
    gain_exponent: int
    fraction_bits: int  # of the deviation
    epsilon: int
    mean_multiplier: int  # 2**fraction_bits / D in fixed point; LayerNorm only
    mean_shift: int


def norm_parameters(
    gain: NDArray[np.float64], bias: NDArray[np.float64], eps: float, x: QParams, y: QParams, *, centred: bool
) -> NormParameters:
    """Fold sqrt(D), the gain and the output scale; `centred` for LayerNorm. gain and bias (d,)."""
    width = gain.shape[0]
    fraction_bits = 8 if centred and x.dtype == "int8" else 0
    epsilon = max(1, round(width * eps * (2.0**fraction_bits / x.scale) ** 2))
    largest_power = (width << 32) + epsilon
    if largest_power >= 2**62:
        raise GraphError(f"norm: eps {eps:g} is too large beside the input's scale {x.scale:g}")
    # The output shift is 30 + half the size of the power + gain_exponent; it has to lie in [1, 62].
    integer_gain, exponent = signed_fixed_point(
        gain * np.sqrt(width) / y.scale, 16, "norm gain", largest_exponent=32 - (largest_power.bit_length() + 1) // 2
    )
    if exponent < -30:
        raise GraphError(f"norm: gain {np.abs(gain).max():g} is too large for output scale {y.scale:g}")
    mean_multiplier, mean_shift = fixed_point(2.0**fraction_bits / width, "norm width") if centred else (np.zeros(1), 0)
    return NormParameters(
        gain=integer_gain,
        bias=np.rint(bias / y.scale).astype(np.int64) + y.zero_point,
        gain_exponent=exponent,
        fraction_bits=fraction_bits,
        epsilon=epsilon,
        mean_multiplier=int(mean_multiplier[0]),
        mean_shift=mean_shift,
    )


def norm(
    x: Integers,
    *,
    gain: Integers,
    bias: Integers,
    gain_exponent: int,
    fraction_bits: int,
    epsilon: int,
    mean_multiplier: int,
    mean_shift: int,
    zero_point: int,
    dtype: str,
) -> Integers:
    """Return the normalised rows of x (..., d); mean_multiplier 0 leaves the mean in (RMSNorm)."""
    deviation = (x - zero_point) << fraction_bits
    if mean_multiplier:
        total = (x - zero_point).sum(axis=-1, keepdims=True)
        deviation = deviation - rounded_shift(total * mean_multiplier, 32 - mean_shift)
    power = (deviation * deviation).sum(axis=-1, keepdims=True) + epsilon
    root, exponent = reciprocal_sqrt(power)
    scaled = rounded_shift(deviation * gain * root, exponent + gain_exponent)
    return saturate(scaled + bias, dtype)
