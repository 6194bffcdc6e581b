"""RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4) in integers. Twin of kernels/norm.h.

Deviations have 25 bits, gains 16, and a normalised row as many fraction bits as its products with the gains leave room
for in 32 bits. The root of a row is one fixed-point number, so that in a row of int8 a normalised element is
`root * x` and a constant, in 32 bits. The input's scale cancels: only eps needs it.
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

NORMALISED_BITS = 30  # at most
RESULT_BITS = 16  # of a result's fraction, at most
GAIN_BITS = 16
_WIDE_ROOT_BITS = 16  # that a root has more where it is multiplied by int16


@dataclass(frozen=True, slots=True, kw_only=True)
class NormParameters:
    """y = sat((((n * gain) >> 16) + bias) >> shift), n = (deviation * root) rounded-shifted by root_shift.

    root is 1 / sqrt(sum(deviation**2) + epsilon) with normalised_bits + root_shift fraction bits.
    """

    gain: Integers  # (d,) int16: sqrt(D) and the output's scale folded in
    bias: Integers  # (d,) int32 in 2**-shift output steps, zero point and the half of the rounding included
    normalised_bits: int  # of n, which is at most 1
    root_shift: int
    shift: int
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
        gain * np.sqrt(count) / y.scale, GAIN_BITS, "norm gain", largest_exponent=GAIN_BITS
    )
    steps = bias / y.scale + y.zero_point
    # Products with the gains take up to 29 bits, and biases as many.
    room = NORMALISED_BITS - 1 - int(np.ceil(np.abs(steps).max())).bit_length()
    shift = min(RESULT_BITS, NORMALISED_BITS - GAIN_BITS + exponent, room)
    if shift < 1:
        raise GraphError(f"norm: its weight or its bias is too large for output scale {y.scale:g}")
    return NormParameters(
        gain=integer_gain,
        bias=np.rint(steps * 2.0**shift).astype(np.int64) + (1 << (shift - 1)),
        normalised_bits=GAIN_BITS + shift - exponent,
        root_shift=root_shift_of(x.dtype, deviation.fraction_bits),
        shift=shift,
        **asdict(deviation),
        epsilon=max(1, round(count * eps * (2.0**deviation.fraction_bits / x.scale) ** 2)),
    )


def root_shift_of(dtype: str, fraction_bits: int) -> int:
    """Return how many bits more than a normalised row a root has; for int8 those of a deviation's fraction."""
    return fraction_bits + (0 if dtype == "int8" else _WIDE_ROOT_BITS)


def norm(
    x: Integers,
    *,
    gain: Integers,
    bias: Integers,
    normalised_bits: int,
    root_shift: int,
    shift: int,
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
    mantissa, exponent = reciprocal_sqrt(power)
    places = exponent - normalised_bits - root_shift
    root = rounded_shift(mantissa, np.maximum(places, 0)) << np.maximum(-places, 0)
    # Beyond this are the roots of rows of one value, which are all mean.
    root = np.minimum(root, (1 << (31 + root_shift - fraction_bits)) - 1)
    normalised = rounded_shift(deviation * root, root_shift)
    return saturate((((normalised * gain) >> GAIN_BITS) + bias) >> shift, dtype)
