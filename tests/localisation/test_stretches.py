"""Stretches cover a recording exactly once, wherever they begin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import ConfigError
from smidgen.localisation.stretches import LONGEST, WARM_UP, Stretch, random_starts, whole


@given(n=st.integers(1, 2000), seed=st.integers(0, 2**16))
def test_random_starts_count_every_decision_once(n, seed):
    """Stretches follow on each other, none is longer than LONGEST, and each is heard from WARM_UP before it or 0."""
    stretches = random_starts(n, seed=seed)
    counted = np.concatenate([np.arange(each.begin, each.end) for each in stretches])
    assert np.array_equal(counted, np.arange(n))
    for each in stretches:
        assert each.end - each.begin <= LONGEST
        assert each.warm_up == min(WARM_UP, each.begin)


def test_a_seed_decides_the_starts():
    """The same seed begins at the same places, another elsewhere."""
    assert random_starts(900, seed=1) == random_starts(900, seed=1)
    assert random_starts(900, seed=1) != random_starts(900, seed=2)


def test_the_whole_recording_is_one_stretch():
    """Heard from the first decision, all of them count."""
    assert whole(7) == (Stretch(heard_from=0, begin=0, end=7),)


def test_a_stretch_that_counts_nothing_is_refused():
    """It would be scored as if it had been asked."""
    with pytest.raises(ConfigError, match="heard from 0 <= heard_from <= begin < end"):
        Stretch(heard_from=0, begin=3, end=3)
