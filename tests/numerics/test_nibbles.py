"""Codes of four bits: two in a byte, and what they stand for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics.nibbles import INT4_LEVELS, nibble_weights, pack_nibbles, packed_width, unpack_nibbles


@given(rows=st.integers(1, 4), in_width=st.integers(1, 9), seed=st.integers(0, 1000))
def test_packed_codes_read_back(rows: int, in_width: int, seed: int) -> None:
    """Every code, in half a byte each, rows filled up to whole bytes."""
    codes = np.random.default_rng(seed).integers(0, 16, (rows, in_width))
    packed = pack_nibbles(codes)
    assert packed.shape == (rows, packed_width(in_width))
    assert packed.dtype == np.uint8
    np.testing.assert_array_equal(codes, unpack_nibbles(packed, in_width))


def test_the_first_column_is_low() -> None:
    """The order of the two codes of a byte."""
    assert pack_nibbles(np.array([[1, 2, 3]])).tolist() == [[0x21, 0x03]]


def test_codes_stand_for_integers_or_for_levels() -> None:
    """Two's complement where no palette is given."""
    packed = pack_nibbles(np.array([[0, 7, 9, 15]]))
    assert nibble_weights(packed, 4).tolist() == [[0, 7, -7, -1]]
    levels = np.arange(-80, 80, 10).astype(np.int8)
    assert nibble_weights(packed, 4, levels).tolist() == [[-80, -10, 10, 70]]
    assert (INT4_LEVELS & 15).tolist() == list(range(16))
