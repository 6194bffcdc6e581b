"""Whole recordings side by side: every frame in its place, every decision at the frame that answers it."""

import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import NOT_HEARD_DBM, UNLABELLED, decide, make_sequences, make_windows, to_frames
from smidgen.errors import ConfigError, DataError


def wandering(name, *, seed=0, duration_s=61.0):
    """Return a recording in which levels and rooms change all the time, with stretches outside every visit."""
    rng = np.random.default_rng(seed)
    time_s = every(0.05, duration_s)
    return make_recording(
        time_s,
        name=name,
        rssi_dbm=rng.integers(-100, -50, size=(len(time_s), 2)).astype(np.float32),
        acceleration_g=rng.normal(size=(len(time_s), 3)).astype(np.float32),
        room=rng.integers(-1, 3, size=len(time_s) // 70 + 1).repeat(70)[: len(time_s)].astype(np.int16),
    )


RECORDINGS = (wandering("test/long"), wandering("test/short", seed=1, duration_s=33.0))


@pytest.mark.parametrize("step_s", [0.5, 1.0, 2.0])
def test_a_sequence_holds_what_windows_hold(step_s):
    """The frame of each decision is the last of its window, with the same input and the same label."""
    parts = [to_frames(recording, step_s=step_s) for recording in RECORDINGS]
    sequences = make_sequences(parts)
    for part in parts:
        windows, rows = make_windows(part, length=1), sequences.rows_of(part.name)
        where = sequences.recording[rows], sequences.frame[rows]
        np.testing.assert_array_equal(windows.label, sequences.label[rows])
        np.testing.assert_array_equal(windows.time_s, sequences.time_s[rows])
        np.testing.assert_array_equal(windows.rssi[:, 0], sequences.rssi[where])
        np.testing.assert_array_equal(windows.motion[:, 0], sequences.motion[where])


def test_the_room_of_a_frame_is_what_a_decision_there_would_ask_for():
    """At the frame of each decision it is the label; at others the room 1 s earlier, as the recording knows it."""
    parts = [to_frames(recording, step_s=0.5) for recording in RECORDINGS]
    sequences = make_sequences(parts)
    np.testing.assert_array_equal(sequences.label, sequences.room[sequences.recording, sequences.frame])
    np.testing.assert_array_equal(RECORDINGS[0].room_at(parts[0].time_s[1:] - 1.0), sequences.room[0, 1:])
    assert sequences.room[0, 0] == UNLABELLED  # half a second in, nothing was asked for a second ago


def test_the_shorter_recording_is_padded_with_silence():
    """Behind its end nothing is heard, nothing moves, no room is known; frames before it are untouched."""
    parts = [to_frames(recording, step_s=1.0) for recording in RECORDINGS]
    sequences = make_sequences(parts)
    end = int(sequences.n_frames[1])
    assert (len(parts[0]), len(parts[1])) == (sequences.rssi.shape[1], end)
    np.testing.assert_array_equal(parts[1].rssi, sequences.rssi[1, :end])
    assert (sequences.rssi[1, end:] == NOT_HEARD_DBM).all()
    assert (sequences.motion[1, end:] == 0).all()
    assert (sequences.room[1, end:] == UNLABELLED).all()
    assert sequences.counts["decisions_kept"] == sequences.n_decisions == sum(len(decide(r)) for r in RECORDINGS)


def test_what_does_not_fit_together_is_refused():
    """Nothing at all, another step, a hop of broken steps, a recording that is not there."""
    whole, half = (to_frames(RECORDINGS[0], step_s=step_s) for step_s in (1.0, 0.5))
    with pytest.raises(DataError, match="the list is empty"):
        make_sequences([])
    with pytest.raises(DataError, match=r"differ in step_s: 0\.5 against 1\.0"):
        make_sequences([whole, half])
    with pytest.raises(ConfigError, match=r"whole number of steps of 1\.0 s, got 1\.5"):
        make_sequences([whole], hop_s=1.5)
    with pytest.raises(DataError, match="no recording 'test/else' in these sequences; there are test/long"):
        make_sequences([whole]).rows_of("test/else")
