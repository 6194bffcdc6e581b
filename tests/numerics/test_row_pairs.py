"""The stream of a linear layer: what it stores can be read back, and the proof that lets two sums share a register."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import weights

from smidgen.numerics.row_pairs import fits_row_pairs, row_pair_stream, scratch_bytes


@given(data=st.data(), rows=st.integers(1, 3), in_width=st.integers(16, 40), out_width=st.integers(4, 11))
def test_every_constant_is_in_the_stream(data: st.DataObject, rows: int, in_width: int, out_width: int) -> None:
    """Weights, biases and multipliers read back from the stream as the kernel reads it."""
    weight = data.draw(weights(out_width, in_width))
    bias, multiplier = np.arange(out_width) - 5, np.arange(out_width) + 2**31 - 20
    words = row_pair_stream(weight, bias, multiplier, rows).view(np.uint32).astype(np.int64)
    pairs = 2 if rows == 1 else 1
    groups = -(-in_width // 4)
    read = np.full((out_width, 4 * groups), -999)
    for begin, block in zip(
        range(0, out_width, 2 * pairs), words.reshape(-1, 2 * pairs * groups + 4 * pairs), strict=True
    ):
        first = min(begin, out_width - 2 * pairs)
        low, columns, high, scales = np.split(block, np.cumsum([pairs, 2 * pairs * groups, pairs]))
        halves = np.stack([columns & 0xFFFF, columns >> 16], axis=-1).astype(np.uint16).view(np.int16).astype(np.int64)
        for pair in range(pairs):
            # Words (0, 2) and (1, 3) of each group of four columns.
            stored = halves.reshape(groups, pairs, 2, 2)[:, pair].transpose(0, 2, 1).reshape(-1)
            low_row = stored.astype(np.int8).astype(np.int64)
            read[first + 2 * pair], read[first + 2 * pair + 1] = low_row, (stored - low_row) // 256
            assert low[pair].astype(np.int32) == bias[first + 2 * pair]
            assert high[pair].astype(np.int32) == bias[first + 2 * pair + 1]
        assert scales.tolist() == multiplier[first : first + 2 * pairs].tolist()
    np.testing.assert_array_equal(weight, read[:, :in_width])
    assert not read[:, in_width:].any()


def test_a_sum_that_could_leave_the_high_half_is_not_paired() -> None:
    """The last weight decides: 2**16 - 1 times 128 is below 2**23, 2**16 is not."""
    weight = np.full((4, 520), 126)
    weight[2, :16] = 127
    assert np.abs(weight).sum(axis=1).max() == 2**16
    assert not fits_row_pairs(weight, 1)
    weight[2, 0] = 126
    assert fits_row_pairs(weight, 1)


@pytest.mark.parametrize(
    ("shape", "rows", "fits"), [((4, 15), 1, False), ((3, 16), 1, False), ((3, 16), 2, True), ((1, 16), 2, False)]
)
def test_layers_that_are_too_small_are_not_paired(shape: tuple[int, int], rows: int, fits: bool) -> None:
    """A block must fit into the outputs, and the unrolled loop into the columns."""
    assert fits_row_pairs(np.ones(shape, np.int8), rows) == fits


def test_scratch_holds_the_widened_rows() -> None:
    """Two bytes an input, in groups of four, for one row or for two."""
    assert [scratch_bytes(17, rows) for rows in (1, 2, 9)] == [40, 80, 80]
