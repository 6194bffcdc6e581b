"""Rotary position embedding (Su et al. 2021) in integers. Twin of kernels/rotary.h.

At every step each pair of channels (a, b) is turned by an angle: (a cos - b sin, b cos + a sin), with 16-bit tables and
one rounded change of scale: half a step, and 2^-15 of the pair from the tables. A turned channel stays below
32767 * 2 * 32767 < 2^31 for any table and any int8 or int16 operand.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, fixed_point, requantize, saturate, signed_fixed_point
from smidgen.numerics.quantization import QParams

TABLE_BITS = range(16)  # of the fraction; a channel that passes is shifted by as much


@dataclass(frozen=True, slots=True, kw_only=True)
class RotaryParameters:
    """Constants of one rotation; one in the tables is 2**table_bits."""

    cos: Integers  # int16, of the shape of the table
    sin: Integers
    table_bits: int
    multiplier: int
    shift: int


def rotary_parameters(cos: NDArray[np.float64], sin: NDArray[np.float64], x: QParams, y: QParams) -> RotaryParameters:
    """Fold scales and tables; raise GraphError where the ratio of scales cannot be represented."""
    tables, table_bits = signed_fixed_point(np.stack([cos, sin]), 16, "rotary: table", largest_exponent=15)
    table_bits = max(table_bits, 0)
    multiplier, shift = fixed_point(x.scale / y.scale * 2.0**-table_bits, "rotary: ratio of scales")
    return RotaryParameters(
        cos=tables[0], sin=tables[1], table_bits=table_bits, multiplier=int(multiplier[0]), shift=shift
    )


def rotary(
    x: Integers,
    cos: Integers,
    sin: Integers,
    *,
    interleaved: bool,
    table_bits: int,
    multiplier: int,
    shift: int,
    zero_points: tuple[int, int],
    dtype: str,
) -> Integers:
    """Return x (B, T, H, w) with its first 2 p channels turned, pairs (i, i + p), or (2 i, 2 i + 1) if interleaved.

    cos, sin (B, T, 1, p); zero_points are those of x and the result.
    """
    first, second = pair_channels(cos.shape[-1], interleaved)
    centred = x - zero_points[0]
    a, b = centred[..., first], centred[..., second]
    acc = centred << table_bits
    acc[..., first], acc[..., second] = a * cos - b * sin, b * cos + a * sin
    return saturate(requantize(acc, multiplier, shift) + zero_points[1], dtype)


def pair_channels(pairs: int, interleaved: bool) -> tuple[slice, slice]:
    """Return the channels of the first and of the second of every pair."""
    if interleaved:
        return slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    return slice(0, pairs), slice(pairs, 2 * pairs)
