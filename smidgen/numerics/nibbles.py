"""Weights of four bits, two in a byte: integers of -7..7, or places in a palette of sixteen int8 levels.

A row of weights takes ceil(k / 2) bytes: column 2j in the low half of byte j, column 2j + 1 in the high half. Nothing
reads what stands behind the last column of an odd row.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers

#: What the sixteen codes of an integer stand for: two's complement.
INT4_LEVELS: NDArray[np.int8] = np.array([*range(8), *range(-8, 0)], np.int8)

LEVELS = 16


def packed_width(in_width: int) -> int:
    """Return the bytes of a row of `in_width` weights."""
    return (in_width + 1) // 2


def pack_nibbles(codes: Integers) -> NDArray[np.uint8]:
    """Return codes (o, k) of 0..15 as bytes (o, packed_width(k))."""
    even = np.pad(codes, ((0, 0), (0, codes.shape[1] % 2)))
    return np.asarray(even[:, 0::2] | (even[:, 1::2] << 4), np.uint8)


def unpack_nibbles(packed: NDArray[np.uint8], in_width: int) -> Integers:
    """Return the codes (o, in_width) in bytes (o, packed_width(in_width))."""
    codes = np.stack([packed & 15, packed >> 4], axis=2).reshape(len(packed), -1)
    return codes[:, :in_width].astype(np.int64)


def nibble_weights(packed: NDArray[np.uint8], in_width: int, levels: NDArray[np.int8] = INT4_LEVELS) -> Integers:
    """Return the integers (o, in_width) that packed codes stand for."""
    return levels.astype(np.int64)[unpack_nibbles(packed, in_width)]
