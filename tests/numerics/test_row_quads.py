"""The stream of a linear layer on int16: what it stores can be read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import weights

from smidgen.numerics.row_quads import fits_row_quads, row_quad_stream, scratch_bytes


@given(data=st.data(), in_width=st.integers(8, 24), out_width=st.integers(4, 11))
def test_every_constant_is_in_the_stream(data: st.DataObject, in_width: int, out_width: int) -> None:
    """Weights, biases and multipliers read back from the stream as the kernel reads it."""
    weight = data.draw(weights(out_width, in_width))
    bias, multiplier = np.arange(out_width) - 5, np.arange(out_width) + 2**31 - 20
    groups = -(-in_width // 4)
    read = np.full((out_width, 4 * groups), -999)
    blocks = row_quad_stream(weight, bias, multiplier).reshape(-1, 4 * groups + 8)
    for begin, block in zip(range(0, out_width, 4), blocks, strict=True):
        rows = slice(min(begin, out_width - 4), min(begin, out_width - 4) + 4)
        biases, words, scales = np.split(block, [4, 4 + 4 * groups])
        stored = np.ascontiguousarray(words).view(np.int8).reshape(groups, 4, 4).transpose(1, 0, 2)
        read[rows] = stored[..., [0, 2, 1, 3]].reshape(4, -1)
        assert biases.tolist() == bias[rows].tolist()
        assert scales.tolist() == multiplier[rows].tolist()
    np.testing.assert_array_equal(weight, read[:, :in_width])
    assert not read[:, in_width:].any()


@pytest.mark.parametrize(("shape", "fits"), [((4, 8), True), ((3, 8), False), ((4, 7), False)])
def test_layers_that_are_too_small_have_no_stream(shape: tuple[int, int], fits: bool) -> None:
    """A block must fit into the outputs."""
    assert fits_row_quads(np.ones(shape, np.int8)) == fits


def test_scratch_holds_a_row() -> None:
    """Two bytes an input, in groups of four."""
    assert scratch_bytes(17) == 40
