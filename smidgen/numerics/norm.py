"""RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4) in integers. Twin of kernels/norm.h.

Deviations have 25 bits, the normalised row is Q30, gains have 16 bits. The input's scale cancels: only eps needs it.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.deviation import deviation_parameters, deviations
from smidgen.numerics.exponential import reciprocal_sqrt
from smidgen.numerics.fixed_point import (
    Integers,
    rounded_shift,
    saturate,
    signed_fixed_point,
)
from smidgen.numerics.quantization import QParams

_NORMALISED_BITS = 30  # of a deviation over the root of the row's power


@dataclass(frozen=True, slots=True, kw_only=True)
class NormParameters:
    """y = sat((n * gain) shifted + bias), n the deviation times the reciprocal root of sum(deviation**2) + epsilon."""

    gain: Integers  # (d,) int16: sqrt(D) and the output's scale folded in
    bias: Integers  # (d,) int32 in output steps, zero point included
    gain_shift: int
    fraction_bits: int  # of a deviation
    epsilon: int  # D * eps in squared units of a deviation
    mean_multiplier: int  # 0 for RMSNorm, which leaves the mean in
    mean_shift: int


def norm_parameters(
    gain: NDArray[np.float64],
    bias: NDArray[np.float64],
    eps: float,
    x: QParams,
    y: QParams,
    *,
    centred: bool,
    count: int | None = None,
) -> NormParameters:
    """Fold sqrt(D), the gain and the output scale; `centred` for LayerNorm. gain and bias (d,).

    Args: count, D, how many elements are normalised together, by default d.
    Raises GraphError where their power may leave 62 bits, or the gain does not fit the output's scale.
    """
    count = gain.shape[0] if count is None else count
    deviation = deviation_parameters(x, count, centred=centred, eps=eps)
    integer_gain, exponent = signed_fixed_point(
        gain * np.sqrt(count) / y.scale, 16, "norm gain", largest_exponent=62 - _NORMALISED_BITS
    )
    integer_bias = np.rint(bias / y.scale).astype(np.int64) + y.zero_point
    if exponent < -_NORMALISED_BITS or np.abs(integer_bias).max() >= 2**31:
        raise GraphError(f"norm: its weight or its bias is too large for output scale {y.scale:g}")
    return NormParameters(
        gain=integer_gain,
        bias=integer_bias,
        gain_shift=_NORMALISED_BITS + exponent,
        **asdict(deviation),
        epsilon=max(1, round(count * eps * (2.0**deviation.fraction_bits / x.scale) ** 2)),
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
    axes: tuple[int, ...] = (-1,),
) -> Integers:
    """Return x normalised over `axes`, by default its rows; gain and bias are those of the last axes.

    mean_multiplier 0 leaves the mean in (RMSNorm).
    """
    deviation = deviations(
        x, fraction_bits=fraction_bits, mean_multiplier=mean_multiplier, mean_shift=mean_shift, zero_point=zero_point,
        axes=axes,
    )  # fmt: skip
    power = (deviation * deviation).sum(axis=axes, keepdims=True) + epsilon
    root, exponent = reciprocal_sqrt(power)
    normalised = rounded_shift(deviation * root, exponent - _NORMALISED_BITS)  # at most 2**30 and a few
    return saturate(rounded_shift(normalised * gain, gain_shift) + bias, dtype)
