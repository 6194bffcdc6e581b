"""Palettes: sixteen int8 levels a tensor, fitted, never worse than evenly spaced ones of four bits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smidgen.compression.codecs import CODECS, EncodedWeight, Palette, Uniform
from smidgen.errors import ConfigError
from smidgen.numerics.nibbles import nibble_weights


def _weight(density: str, rows: int, columns: int, seed: int) -> NDArray[np.float64]:
    """Return weights of one density whose channels differ in strength."""
    random = np.random.default_rng(seed)
    drawn = {
        "normal": random.normal(size=(rows, columns)),
        "laplace": random.laplace(size=(rows, columns)),
        "uniform": random.uniform(-1, 1, (rows, columns)),
        "sparse": random.normal(size=(rows, columns)) * (random.random((rows, columns)) < 0.2),
    }[density]
    return drawn * 2.0 ** random.uniform(-4, 4, (rows, 1))


def _error(weight: NDArray[np.float64], encoded: EncodedWeight) -> float:
    return float(np.square(weight - encoded.decode()).sum())


densities = st.sampled_from(["normal", "laplace", "uniform", "sparse"])


@given(density=densities, rows=st.integers(1, 6), columns=st.integers(1, 40), seed=st.integers(0, 1000))
def test_weights_become_levels_of_one_palette(density: str, rows: int, columns: int, seed: int) -> None:
    """At most sixteen int8 levels, ascending; what a graph holds decodes to the same integers, in the bytes counted."""
    weight = _weight(density, rows, columns, seed)
    encoded = Palette().encode(weight)
    params = Palette().params(encoded)
    assert np.abs(encoded.integers).max() <= 127
    assert params["levels"].shape == (16,)
    assert np.all(np.diff(params["levels"].astype(int)) >= 0)
    np.testing.assert_array_equal(encoded.integers, nibble_weights(params["packed"], columns, params["levels"]))
    table = 1024 if rows >= 4 and columns >= 16 else 16
    assert Palette().n_bytes(weight.shape) == params["packed"].nbytes + table


@given(density=densities, rows=st.integers(1, 6), columns=st.integers(1, 40), seed=st.integers(0, 1000))
def test_it_is_no_worse_than_int4(density: str, rows: int, columns: int, seed: int) -> None:
    """The fit begins there and each step lowers the error; only levels that are rounded to int8 add to it again."""
    weight = _weight(density, rows, columns, seed)
    encoded = Palette().encode(weight)
    rounding = (np.square(encoded.scale) * columns / 12).sum()
    assert _error(weight, encoded) <= _error(weight, Uniform(bits=4).encode(weight)) * (1 + 1e-9) + 4 * rounding


@pytest.mark.parametrize(("density", "gain_db"), [("normal", 0.9), ("laplace", 2.2)])
def test_it_gains_on_int4(density: str, gain_db: float) -> None:
    """64x64 weights of equal channels, beside integers with the best scale for each channel."""
    for seed in range(3):
        weight = getattr(np.random.default_rng(seed), density)(size=(64, 64))
        integers, palette = (_error(weight, codec.encode(weight)) for codec in (CODECS["int4"], Palette()))
        assert 10 * np.log10(integers / palette) > gain_db


def test_weights_that_are_levels_are_kept() -> None:
    """Sixteen values come back within a fiftieth of the largest; evenly spaced levels are a seventh apart."""
    levels = np.array([-127, -90, -64, -50, -33, -20, -9, -2, 3, 11, 24, 40, 55, 71, 99, 127]) / 127
    weight = np.random.default_rng(0).permutation(np.repeat(levels, 20)).reshape(4, 80)
    np.testing.assert_allclose(weight, Palette().encode(weight).decode(), atol=0.02)


def test_zeros_and_weak_channels_are_encoded() -> None:
    """A dead channel, or a whole weight of zeros, has a scale that its bias can stand on."""
    weight = np.zeros((3, 8))
    assert not Palette().encode(weight).decode().any()
    weight[0] = np.linspace(-1, 1, 8)
    encoded = Palette().encode(weight)
    assert np.abs(encoded.decode()[1:]).max() <= 2.0**-12
    assert encoded.scale.min() > 0


def test_a_scale_can_be_held_up() -> None:
    """`least_scale` is respected channel by channel, and the levels chosen again for it."""
    weight = _weight("normal", 2, 40, 0)
    least = np.array([0.0, 4 * Palette().encode(weight).scale[1]])
    encoded = Palette().encode(weight, least_scale=least)
    assert encoded.scale[1] >= least[1]
    assert np.abs(weight[1] - encoded.decode()[1]).max() <= 40 * least[1]


def test_weights_can_share_the_levels_of_a_normal_density() -> None:
    """The same levels for any weight, largest 127; within 1 dB of what is fitted to normal weights."""
    shared = Palette(levels="normal")
    levels = set()
    for seed in range(3):
        weight = np.random.default_rng(seed).normal(size=(64, 64))
        encoded = shared.encode(weight)
        levels.add(shared.params(encoded)["levels"].tobytes())
        assert 10 * np.log10(_error(weight, encoded) / _error(weight, Palette().encode(weight))) < 1.0
    assert [int(level) for level in np.frombuffer(levels.pop(), np.int8)][8:] == [6, 18, 31, 44, 58, 75, 96, 127]
    assert not levels


def test_other_levels_are_refused() -> None:
    """The value found is told."""
    with pytest.raises(ConfigError, match="the levels of a palette are 'fitted' or 'normal', got 'laplace'"):
        Palette(levels="laplace")
