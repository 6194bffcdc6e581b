"""The stream of a depthwise convolution: what it stores can be read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import weights

from smidgen.numerics.depthwise import depthwise_stream, scratch_bytes


@pytest.mark.parametrize(("x_type", "order"), [("int8", [0, 2, 1, 3]), ("int16", [0, 1, 2, 3])])
@given(data=st.data(), channels=st.integers(4, 11), taps=st.integers(1, 9))
def test_every_constant_is_in_the_stream(
    x_type: str, order: list[int], data: st.DataObject, channels: int, taps: int
) -> None:
    """Weights, biases and multipliers read back from the stream as the kernel reads it."""
    weight = data.draw(weights(channels, taps))
    bias, multiplier = np.arange(channels) - 5, np.arange(channels) + 2**31 - 20
    read = np.full((channels, taps), -999)
    blocks = depthwise_stream(weight, bias, multiplier, x_type).reshape(-1, 2 * taps + 8)
    for begin, block in zip(range(0, channels, 4), blocks, strict=True):
        first = min(begin, channels - 4)
        biases, words, scales = np.split(block, [4, 4 + 2 * taps])
        stored = np.ascontiguousarray(words).view(np.int16).reshape(taps, 4)
        rows = read[first : first + 4]
        rows[order] = stored.T
        assert biases.tolist() == bias[first : first + 4].tolist()
        assert scales.tolist() == multiplier[first : first + 4].tolist()
    np.testing.assert_array_equal(weight, read)


def test_scratch_holds_the_taps_and_a_frame() -> None:
    """A word for each tap, and the channels of a frame."""
    assert [scratch_bytes(7, 9, x_type) for x_type in ("int8", "int16")] == [43, 50]
