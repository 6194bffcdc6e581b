"""Disturbances change what they say, by as much as they say, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.data import decide, simulate_home, to_frames
from smidgen.data.corruption import CORRUPTIONS, FLOOD_DBM, corrupt
from smidgen.errors import ConfigError

RECORDING = simulate_home(0).record(0, 120.0)


def heard(recording) -> np.ndarray:
    return ~np.isnan(recording.rssi_dbm)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_least_severity_changes_nothing(name):
    """Where each scale begins: the recording as it was."""
    disturbed = corrupt(RECORDING, name, CORRUPTIONS[name].least, seed=0)
    np.testing.assert_array_equal(RECORDING.rssi_dbm, disturbed.rssi_dbm)
    np.testing.assert_array_equal(RECORDING.acceleration_g, disturbed.acceleration_g)


@given(name=st.sampled_from(list(CORRUPTIONS)), level=st.integers(0, 1), seed=st.integers(0, 2**31))
def test_the_same_decisions_are_asked_and_nothing_new_is_heard(name, level, seed):
    """Rows, times, rooms and decisions stay; where nothing was heard nothing is; the seed decides everything."""
    severity = CORRUPTIONS[name].severities[level]
    disturbed = corrupt(RECORDING, name, severity, seed=seed)
    np.testing.assert_array_equal(RECORDING.time_s, disturbed.time_s)
    np.testing.assert_array_equal(decide(RECORDING).label, decide(disturbed).label)
    before, after = (~np.isnan(r.heard_dbm) for r in (RECORDING, disturbed))
    assert not (after & ~before).any()
    np.testing.assert_array_equal(disturbed.rssi_dbm, corrupt(RECORDING, name, severity, seed=seed).rssi_dbm)


@pytest.mark.parametrize("severity", [1, 2, 4])
def test_missing_access_points_are_silent(severity):
    """As many columns as asked are empty, the others untouched."""
    disturbed = corrupt(RECORDING, "missing", severity, seed=1)
    silent = ~heard(disturbed).any(axis=0)
    assert severity == silent.sum()
    np.testing.assert_array_equal(RECORDING.rssi_dbm[:, ~silent], disturbed.rssi_dbm[:, ~silent])


@pytest.mark.parametrize(("name", "columns"), [("replaced", 1), ("offset", 4)])
def test_levels_shift_by_what_is_asked(name, columns):
    """7 dB up or down, at one access point or at all."""
    shift = np.abs(corrupt(RECORDING, name, 7, seed=2).rssi_dbm - RECORDING.rssi_dbm)
    moved = np.nanmax(shift, axis=0)
    assert sorted([0.0] * (4 - columns) + [7.0] * columns) == sorted(moved.tolist())


@pytest.mark.parametrize(("name", "severity", "reading"), [("saturated", 0.2, -1.0), ("flood", 0.5, FLOOD_DBM)])
def test_codes_appear_in_the_share_that_is_asked(name, severity, reading):
    """Of what was heard, or of what was not."""
    candidates = heard(RECORDING) if name == "saturated" else ~heard(RECORDING)
    found = corrupt(RECORDING, name, severity, seed=3).rssi_dbm == reading
    assert not found[~candidates].any()
    assert severity == pytest.approx(found[candidates].mean(), abs=0.05)


def test_a_flood_leaves_every_frame_as_it_was():
    """The answer to other stacks' codes: frames, so networks and baselines too, do not see them."""
    flooded = corrupt(RECORDING, "flood", 1, seed=0)
    assert (flooded.rssi_dbm == FLOOD_DBM).any()
    np.testing.assert_array_equal(to_frames(RECORDING).rssi, to_frames(flooded).rssi)


def test_gaps_and_rate_take_the_share_of_rows_that_is_asked():
    """30 % of the time, or four packets of five; acceleration is lost with the levels."""
    for name, severity, lost in (("gaps", 0.3, 0.3), ("rate", 5, 0.8)):
        disturbed = corrupt(RECORDING, name, severity, seed=4)
        empty = np.isnan(disturbed.acceleration_g).any(axis=1)
        assert not heard(disturbed)[empty].any()
        assert lost <= empty.mean() + 0.03
        assert empty.mean() <= lost + 0.25  # the last outage may overshoot by half a minute of two


@pytest.mark.parametrize(
    ("name", "severity", "message"),
    [("flod", 1, "did you mean 'flood'"), ("gaps", 1.5, "must lie in 0..0.9 of the time, got 1.5"), ("rate", 0, "1..")],
)
def test_what_cannot_be_done_is_refused(name, severity, message):
    """A mistyped name, and a severity off the scale."""
    with pytest.raises(ConfigError, match=message):
        corrupt(RECORDING, name, severity, seed=0)
