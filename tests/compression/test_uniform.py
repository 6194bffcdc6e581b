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


@given(bits=st.integers(2, 8), rows=st.integers(1, 5), columns=st.integers(1, 40), seed=st.integers(0, 1000))
def test_scales_of_least_squares_lose_no_more_in_any_channel(bits: int, rows: int, columns: int, seed: int) -> None:
    """Large weights may be clipped, never beyond 0.4 of the largest; legal integers, a scale for each channel."""
    weight = np.random.default_rng(seed).normal(size=(rows, columns))
    plain, fitted = (Uniform(bits=bits, fit=fit).encode(weight) for fit in ("peak", "least-squares"))
    errors = [np.square(weight - encoded.decode()).sum(axis=1) for encoded in (plain, fitted)]
    assert np.all(errors[1] <= errors[0] * (1 + 1e-12))
    assert np.all((fitted.scale >= 0.399 * plain.scale) & (fitted.scale <= plain.scale))
    assert np.abs(fitted.integers).max() <= 2 ** (bits - 1) - 1


def test_least_squares_gain_at_four_bits() -> None:
    """More than 1 dB on 256 normal weights a channel."""
    weight = np.random.default_rng(0).normal(size=(64, 256))
    codecs = (Uniform(bits=4), Uniform(bits=4, fit="least-squares"))
    peak, fitted = (np.square(weight - codec.encode(weight).decode()).mean() for codec in codecs)
    assert 10 * np.log10(peak / fitted) > 1.0


def test_a_scale_held_up_is_not_undercut() -> None:
    """`least_scale` holds for least squares too."""
    least = np.array([0.0, 0.4])
    encoded = Uniform(bits=4, fit="least-squares").encode(np.ones((2, 3)), least_scale=least)
    assert encoded.scale[1] == 0.4
    assert encoded.integers[1].tolist() == [2, 2, 2]


def test_other_fits_are_refused() -> None:
    """The value found is told."""
    with pytest.raises(ConfigError, match=r"fitted by one of \('peak', 'least-squares'\), got 'mse'"):
        Uniform(fit="mse")


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
