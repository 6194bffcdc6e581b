"""Hashes of recordings: equal for equal contents, another for anything that a result could depend on."""

from dataclasses import replace

import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import Split, recording_hash, split_hash

TIME_S = every(0.5, 4.0)


def changed_at(array, value):
    other = np.array(array)
    other[0] = value
    return other


BASE = make_recording(TIME_S)


def test_equal_recordings_have_one_hash():
    """Arrays of their own, of the same contents; what a loader counted has no part in it."""
    assert recording_hash(make_recording(TIME_S)) == recording_hash(BASE)
    assert recording_hash(replace(BASE, counts={"rows": 1})) == recording_hash(BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "test/2"},
        {"subject": "else"},
        {"home": "other"},
        {"time_s": changed_at(BASE.time_s, 0.1)},
        {"rssi_dbm": changed_at(BASE.rssi_dbm, np.float32(-71.0))},
        {"acceleration_g": changed_at(BASE.acceleration_g, np.float32(0.5))},
        {"acceleration_g": None},
        {"room": changed_at(BASE.room, np.int16(1))},
        {"rooms": ("hall", "bath", "living")},
        {"access_points": ("kitchen", "bath")},
    ],
)
def test_any_change_is_another_hash(change):
    """Names, levels, motion, rooms and times."""
    assert recording_hash(replace(BASE, **change)) != recording_hash(BASE)


def test_an_absent_access_point_is_not_a_silent_one():
    """The levels are the same."""
    silent = np.array(BASE.rssi_dbm)
    silent[:, 1] = np.nan
    there = replace(BASE, rssi_dbm=silent)
    assert recording_hash(replace(there, present=(True, False))) != recording_hash(there)


def test_a_split_is_known_by_both_sides():
    """Which side a recording is on counts, and so does its contents on either."""
    other = make_recording(TIME_S, name="test/2")
    split = Split(name="fold", train=(BASE,), test=(other,))
    assert split_hash(split) == split_hash(Split(name="named otherwise", train=(BASE,), test=(other,)))
    quiet = replace(other, room=changed_at(other.room, np.int16(2)))
    for changed in (replace(split, test=(quiet,)), replace(split, train=(quiet,)), replace(split, train=(other, BASE)),
                    Split(name="fold", train=(other,), test=(BASE,))):  # fmt: skip
        assert split_hash(changed) != split_hash(split)
