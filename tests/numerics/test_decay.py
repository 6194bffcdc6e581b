"""Decays in integers: the stated error over the whole range, the gain of slow states, powers, and the same in C."""

import math

import numpy as np
import pytest
from integer_functions import in_c

from smidgen.errors import GraphError
from smidgen.numerics.decay import FRACTION_BITS, decay, decay_multipliers, powers

ONE = 2.0**31
DELTA = np.arange(0, 32768)

#: In octaves for the least step of delta: from a decay that forgets nothing in a step to one that forgets all.
RATES = np.geomspace(2.0**-30, 2.0**12.9, 44)


@pytest.mark.parametrize("q", [28, 31])
@pytest.mark.parametrize("rate", RATES)
def test_a_decay_is_within_its_bound(rate: float, q: int) -> None:
    """2^-17 for every delta, less than one, and never rising with delta, up to the error of the rounded exponent."""
    multiplier, bits = decay_multipliers(np.array([rate]))
    found = decay(DELTA, multiplier, bits, bits=q)
    stored = multiplier * 2.0 ** -(16 + bits)
    assert np.abs(found / 2**q - np.exp2(-DELTA * stored)).max() <= 2.0**-17 + 2.0 ** -(bits + 1)
    assert found[0] == found.max() == 2**q - 1
    assert found.min() >= 0
    assert np.all(np.diff(found) <= 1)


def test_a_slow_decay_has_the_right_slope() -> None:
    """1 - decay, on which the gain of a slow state depends, is within 5e-5 of itself from 10^-4 on."""
    multiplier, bits = decay_multipliers(np.array([1e-4, 2.0**-15]))
    found = decay(DELTA[1:, None], multiplier, bits) / ONE
    exact = -np.expm1(-math.log(2) * DELTA[1:, None] * multiplier * 2.0 ** -(16 + bits))
    slow = exact >= 1e-4
    assert np.abs((1 - found) / exact - 1)[slow].max() <= 5e-5


def test_rates_share_the_finest_exponent_that_holds_the_fastest() -> None:
    """A multiplier has 29 or 30 bits for the fastest rate, and the ratio of rates is kept to a part of its unit."""
    for fastest in RATES:
        multipliers, bits = decay_multipliers(np.array([fastest, fastest / 100]))
        assert bits in FRACTION_BITS
        assert multipliers[0] <= 2**30
        assert bits == FRACTION_BITS[-1] or multipliers[0] >= 2**28
        assert abs(multipliers[0] / 100 - multipliers[1]) <= 1


@pytest.mark.parametrize("rate", [0.0, math.inf, math.nan, 2.0**13])
def test_a_rate_that_no_exponent_holds_is_refused(rate: float) -> None:
    """Scales so coarse that one step of delta is 2^13 octaves are named, as are rates that are no rates."""
    with pytest.raises(GraphError, match="the scale of delta or A is wrong"):
        decay_multipliers(np.array([rate]))


def test_powers_are_within_their_bound() -> None:
    """The chain of products errs by less than 2^-17 of one, for 64 states, fast and slow."""
    constants = decay_multipliers(np.array([2.0**-12]))
    exact = np.exp2(-DELTA[:, None] * 2.0**-12 * np.arange(1, 65))
    for q in (28, 31):
        first = decay(DELTA[:, None], *constants, bits=q)
        assert np.abs(powers(first, 64, bits=q) / 2**q - exact).max() < 2.0**-17


@pytest.mark.parametrize("bits", FRACTION_BITS)
def test_a_decay_in_c_equals_python(bits: int) -> None:
    """Every integer agrees, the ends of the ranges included."""
    random = np.random.default_rng(bits)
    delta = np.concatenate([random.integers(0, 32768, 5000), np.repeat([0, 1, 32767], 100)])
    multiplier = np.concatenate([random.integers(0, 2**30, 5100), np.repeat([0, 2**30], 100)])
    for q in (28, 31):
        found = decay(delta, multiplier, bits, bits=q)
        np.testing.assert_array_equal(found, in_c(f"decay_q{q}_{bits}", delta, multiplier))
