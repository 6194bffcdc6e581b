"""Second moments of rows, about their mean or about 0, and the roots of them. Twin of kernels/moment.h.

Variance and standard deviation, Euclidean length and root mean square: one sum of squares, one scale, perhaps a root.
"""

import math
from dataclasses import asdict, dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.deviation import deviation_parameters, deviations
from smidgen.numerics.exponential import bit_length, reciprocal_sqrt
from smidgen.numerics.fixed_point import Integers, rounded_shift, saturate
from smidgen.numerics.quantization import QParams

_LONGEST_SHIFT = 62


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentParameters:
    """y = sat(power * multiplier * 2**(shift - 31)), or of its root; power is the sum of squared deviations."""

    fraction_bits: int
    mean_multiplier: int  # 0 about 0
    mean_shift: int
    multiplier: int  # in [2**30, 2**31)
    shift: int


def moment_parameters(
    x: QParams, y: QParams, count: int, *, divisor: float, centred: bool, root: bool
) -> MomentParameters:
    """Fold the scales for the sum of `count` squares over `divisor`; raise GraphError where they do not fit."""
    deviation = deviation_parameters(x, count, centred=centred)
    unit = (x.scale / 2.0**deviation.fraction_bits) ** 2 / divisor
    ratio = (math.sqrt(unit) if root else unit) / y.scale
    mantissa, shift = math.frexp(ratio)
    if not -124 < shift < 62:
        raise GraphError(f"second moment: scale {y.scale:g} of the output and {x.scale:g} of the input differ too much")
    return MomentParameters(
        **asdict(deviation), multiplier=min(round(mantissa * 2.0**31), 2**31 - 1), shift=shift
    )  # fmt: skip


def second_moment(
    x: Integers,
    *,
    root: bool,
    fraction_bits: int,
    mean_multiplier: int,
    mean_shift: int,
    multiplier: int,
    shift: int,
    zero_points: tuple[int, int],
    dtype: str,
) -> Integers:
    """Return the scaled sum of squared deviations of the rows of x (..., d), or its root, as (...)."""
    deviation = deviations(
        x, fraction_bits=fraction_bits, mean_multiplier=mean_multiplier, mean_shift=mean_shift,
        zero_point=zero_points[0], axes=(-1,),
    )  # fmt: skip
    power = (deviation * deviation).sum(axis=-1)
    excess = np.maximum(bit_length(power) - 31, 0)
    value, places = power >> excess, -excess  # power ~ value * 2**-places, 31 bits
    if root:
        mantissa, exponent = reciprocal_sqrt(np.maximum(power, 1))  # sqrt(p) = p / sqrt(p)
        value, places = rounded_shift(value * mantissa, 31), exponent - excess - 31
    places = places + 31 - shift
    # Beyond these, all bits are cut off, or the value saturates whatever its places.
    scaled = rounded_shift(value * multiplier, np.clip(places, 0, _LONGEST_SHIFT))
    return saturate(np.where(places > _LONGEST_SHIFT, 0, scaled) + zero_points[1], dtype)
