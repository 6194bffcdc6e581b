"""Uniform weights: nearest level by channel, weak and dead channels, legal bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.compression.codecs import Uniform
from smidgen.errors import ConfigError
from smidgen.numerics.nibbles import nibble_weights


@given(bits=st.integers(2, 8), rows=st.integers(1, 5), columns=st.integers(1, 9), seed=st.integers(0, 1000))
def test_weights_become_the_nearest_level(bits: int, rows: int, columns: int, seed: int) -> None:
    """Half a level away at most, by channel; the largest weight of a channel is a level itself."""
    random = np.random.default_rng(seed)
    weight = random.normal(size=(rows, columns, 2)) * 2.0 ** random.uniform(-6, 6, (rows, 1, 1))
    encoded = Uniform(bits=bits).encode(weight)
    limit = 2 ** (bits - 1) - 1
    assert np.abs(encoded.integers).max() <= limit
    assert np.all(np.abs(encoded.decode() - weight) <= encoded.scale.reshape(-1, 1, 1) * 0.5000001)
    assert np.all(
        np.abs(encoded.integers).reshape(rows, -1).max(axis=1)[encoded.scale * limit > 1e-3 * np.abs(weight).max()]
        == limit
    )


def test_a_dead_channel_keeps_a_usable_scale() -> None:
    """A channel of zeros, or one far weaker than the others, shares a floor of 2^-12 of the strongest."""
    weight = np.array([[1.0, -0.5], [0.0, 0.0], [1e-9, -1e-9]])
    encoded = Uniform().encode(weight)
    assert encoded.scale.tolist() == pytest.approx([1 / 127, 2**-12 / 127, 2**-12 / 127])
    assert encoded.integers.tolist() == [[127, -64], [0, 0], [0, 0]]
    assert Uniform().encode(np.zeros((2, 3))).scale.tolist() == [2**-12, 2**-12]


def test_a_scale_can_be_held_up() -> None:
    """`least_scale` is respected channel by channel."""
    encoded = Uniform().encode(np.array([[1.0], [1.0]]), least_scale=np.array([0.0, 0.5]))
    assert encoded.scale.tolist() == pytest.approx([1 / 127, 0.5])
    assert encoded.integers.tolist() == [[127], [2]]


@pytest.mark.parametrize("bits", [1, 9, 0, "8", 7.5])
def test_other_bits_are_refused(bits: object) -> None:
    """Two to eight bits have levels; the value found is told."""
    with pytest.raises(ConfigError, match=f"uniform weights take 2 to 8 bits, got {bits!r}"):
        Uniform(bits=bits)  # type: ignore[arg-type]


@pytest.mark.parametrize(("bits", "n_bytes"), [(8, 30), (5, 30), (4, 15), (3, 30)])
def test_weights_of_four_bits_share_bytes(bits: int, n_bytes: int) -> None:
    """Two a byte of four bits, one a byte of any others; a graph holds as many bytes."""
    codec, weight = Uniform(bits=bits), np.linspace(-1, 1, 30).reshape(3, 10)
    (stored,) = codec.params(codec.encode(weight)).values()
    assert codec.n_bytes((3, 10)) == stored.nbytes == n_bytes


@given(bits=st.integers(2, 8), columns=st.integers(1, 9))
def test_what_a_graph_holds_is_what_was_encoded(bits: int, columns: int) -> None:
    """Integers read back from the arrays, of odd and even rows."""
    codec = Uniform(bits=bits)
    encoded = codec.encode(np.random.default_rng(columns).normal(size=(3, columns)))
    params = codec.params(encoded)
    stored = nibble_weights(params["packed"], columns) if codec.is_packed else params["weight"]
    np.testing.assert_array_equal(encoded.integers, stored)
