"""The stream of a linear layer of 4-bit codes: what it stores can be read back, and where its sums fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics.nibble_blocks import fits_nibble_blocks, level_pairs, nibble_stream, scratch_bytes


@given(
    seed=st.integers(0, 1000), in_width=st.integers(16, 24), out_width=st.integers(4, 11),
    x_type=st.sampled_from(["int8", "int16"]), is_palette=st.booleans(),
)  # fmt: skip
def test_every_constant_is_in_the_stream(
    seed: int, in_width: int, out_width: int, x_type: str, is_palette: bool
) -> None:
    """Codes, biases and multipliers read back from the stream as the kernel reads it."""
    codes = np.random.default_rng(seed).integers(0, 16, (out_width, in_width))
    bias, multiplier = np.arange(out_width) - 5, np.arange(out_width) + 2**31 - 20
    groups = -(-in_width // 4)
    read = np.full((out_width, 4 * groups), -999)
    stream = nibble_stream(codes, bias, multiplier, x_type, is_palette=is_palette)
    columns = [0, 2, 1, 3] if x_type == "int8" else [0, 1, 2, 3]
    for begin, block in zip(range(0, out_width, 4), stream.reshape(-1, 2 * groups + 8), strict=True):
        first = min(begin, out_width - 4)
        biases, words, scales = np.split(block.astype(np.int64), [4, 4 + 2 * groups])
        for n, word in enumerate(words & 0xFFFFFFFF):
            at = [4 * (n // 2) + column for column in columns[2 * (n % 2) :][:2]]
            for row in range(4):
                shifts = (8 * row, 8 * row + 4) if is_palette else (4 * row, 4 * row + 16)
                digits = np.array([(word >> shift) & 15 for shift in shifts])
                offset = 0 if is_palette or (x_type == "int8" and row == 3) else 8
                read[first + row, at] = digits ^ offset
        assert biases.tolist() == bias[first : first + 4].tolist()
        assert scales.tolist() == multiplier[first : first + 4].tolist()
    np.testing.assert_array_equal(codes, read[:, :in_width])


def test_a_byte_numbers_a_pair_of_levels() -> None:
    """The low half of a word is the level of the low code."""
    levels = np.arange(-120, 40, 10).astype(np.int8)
    pairs = level_pairs(levels)
    for byte in range(256):
        assert pairs[byte] == int(levels[byte % 16]) % 2**16 + 2**16 * int(levels[byte // 16])


def _with_row(total: int, in_width: int) -> np.ndarray:
    """Return int4 weights (4, in_width) with a row whose absolute values sum to `total`."""
    weight = np.zeros((4, in_width), np.int64)
    weight[1] = np.diff(np.arange(in_width + 1) * total // in_width)
    return weight


def test_sums_of_integers_with_int8_are_proved() -> None:
    """Row d must stay below 2^19 = 4096 * 128, row c below 2^23; for int16 and palettes rows are apart."""
    for total, fits in ((4095, True), (4096, False)):
        weight = _with_row(total, 700)
        assert fits_nibble_blocks(weight, "int8", is_palette=False) == fits
        assert fits_nibble_blocks(weight, "int16", is_palette=False)
        assert fits_nibble_blocks(weight, "int8", is_palette=True)
    assert fits_nibble_blocks(_with_row(0, 4368), "int8", is_palette=False)
    assert not fits_nibble_blocks(_with_row(0, 4370), "int8", is_palette=False)


@pytest.mark.parametrize(("shape", "fits"), [((4, 16), True), ((3, 16), False), ((4, 15), False)])
def test_layers_that_are_too_small_have_no_stream(shape: tuple[int, int], fits: bool) -> None:
    """A block must fit into the outputs."""
    assert fits_nibble_blocks(np.ones(shape, np.int64), "int8", is_palette=False) == fits


def test_scratch_holds_a_row_or_two() -> None:
    """Two bytes an input, in groups of four; two rows of int8 share the levels of a palette."""
    assert scratch_bytes(17, 1, "int8", is_palette=True) == 40
    assert scratch_bytes(17, 3, "int8", is_palette=True) == 80
    assert scratch_bytes(17, 3, "int16", is_palette=True) == 40
    assert scratch_bytes(17, 3, "int8", is_palette=False) == 40
