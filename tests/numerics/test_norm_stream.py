"""The stream of a norm on rows of int8 holds every gain and bias once, where the kernel looks for them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import tensors

from smidgen.numerics.norm_stream import norm_stream, one_bias


@given(data=st.data(), width=st.integers(4, 30), biased=st.booleans())
def test_a_stream_holds_gains_and_biases_by_fours(data: st.DataObject, width: int, biased: bool) -> None:
    """Two gains a word, then biases 128 steps up, unless one bias serves all channels; 0 where the channels end."""
    gain = data.draw(tensors("int16", width))
    bias = np.arange(width) * 1000 - 7 if biased else np.full(width, -7)
    fours = norm_stream(gain, bias).reshape(-(-width // 4), -1)
    assert (one_bias(bias) is None) == biased
    assert biased or one_bias(bias) == -7 + 128 * 65536
    np.testing.assert_array_equal(gain, fours[:, :2].copy().view(np.int16).reshape(-1)[:width])
    assert not fours[:, :2].copy().view(np.int16).reshape(-1)[width:].any()
    if biased:
        np.testing.assert_array_equal(bias + 128 * 65536, fours[:, 2:].reshape(-1)[:width])
    else:
        assert fours.shape[1] == 2
