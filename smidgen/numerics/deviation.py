"""Deviations of elements from their mean, or from 0, with more bits than the elements. Twin of kernels/deviation.h.

Norms, variances and Euclidean lengths are made of them. Sums of their squares stay below 2**62.
"""

import math
from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, fixed_point, integer_range, rounded_shift
from smidgen.numerics.quantization import QParams

_DEVIATION_BITS = 24  # below its sign: 8 or 16 of the input, the rest fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationParameters:
    """deviation = (x - zero_point) * 2**fraction_bits - mean."""

    fraction_bits: int
    mean_multiplier: int  # 2**fraction_bits / count in fixed point; 0 leaves the mean in
    mean_shift: int


def deviation_parameters(x: QParams, count: int, *, centred: bool, eps: float = 0.0) -> DeviationParameters:
    """Return the finest deviations of `count` elements whose squares, each with eps, sum to less than 2**62.

    Raises GraphError where no bits are left.
    """
    low, high = integer_range(x.dtype)
    largest_power = count * ((high - low) ** 2 + eps / x.scale**2)
    fraction_bits = min(_DEVIATION_BITS - (high - low).bit_length(), math.floor(30.99 - math.log2(largest_power) / 2))
    if fraction_bits < 0:
        raise GraphError(f"{count} elements, or eps {eps:g} beside the input's scale {x.scale:g}, are too large")
    multiplier, shift = fixed_point(2.0**fraction_bits / count) if centred else (np.zeros(1), 0)
    return DeviationParameters(fraction_bits=fraction_bits, mean_multiplier=int(multiplier[0]), mean_shift=shift)


def deviations(
    x: Integers, *, fraction_bits: int, mean_multiplier: int, mean_shift: int, zero_point: int, axes: tuple[int, ...]
) -> Integers:
    """Return the deviations of x from the mean over `axes`; mean_multiplier 0 leaves the mean in."""
    centred = x - zero_point
    mean = rounded_shift(centred.sum(axis=axes, keepdims=True) * mean_multiplier, 32 - mean_shift)
    return (centred << fraction_bits) - mean
