import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import NOT_HEARD_DBM, UNLABELLED, concatenate, decide, make_windows, to_frames
from smidgen.errors import ConfigError, DataError


def wandering(seed=0, duration_s=120.0, **changes):
    """Return a recording in which levels and rooms change all the time."""
    rng = np.random.default_rng(seed)
    time_s = every(0.05, duration_s)
    fields = {
        "rssi_dbm": rng.integers(-100, -50, size=(len(time_s), 2)).astype(np.float32),
        "acceleration_g": rng.normal(size=(len(time_s), 3)).astype(np.float32),
        "room": rng.integers(-1, 3, size=len(time_s) // 100 + 1).repeat(100)[: len(time_s)].astype(np.int16),
    }
    return make_recording(time_s, **(fields | changes))


def test_every_decision_is_kept_or_counted():
    """Decisions outside every visit, with fewer than 5 rows, or not filled by the recording are dropped and counted."""
    time_s = every(0.05, 21.0)  # decisions at 2, 4, ... 20 s; the last second fills none
    time_s = time_s[~((time_s > 4.0) & (time_s < 5.8))]  # 4 rows left in the third
    room = np.where((time_s > 8.0) & (time_s < 12.0), UNLABELLED, 1).astype(np.int16)
    decisions = decide(make_recording(time_s, room=room))
    assert decisions.index.tolist() == [0, 1, 3, 6, 7, 8, 9]
    assert decisions.time_s.tolist() == [2.0, 4.0, 8.0, 14.0, 16.0, 18.0, 20.0]
    assert decisions.counts == {
        "decisions": 11,
        "decisions_kept": 7,
        "decisions_unlabelled": 2,
        "decisions_with_few_samples": 1,
        "decisions_incomplete": 1,
    }


def test_the_label_is_the_room_at_the_centre():
    """A decision in whose interval the person changes room asks for the room at its centre."""
    time_s = every(0.05, 4.5)
    early, late = (make_recording(time_s, room=np.where(time_s < s, 1, 2).astype(np.int16)) for s in (0.9, 1.1))
    assert (decide(early).label.tolist(), decide(late).label.tolist()) == ([2, 2], [1, 2])


@pytest.mark.parametrize("length", [1, 4, 7, 40])
def test_a_window_is_the_last_frames_up_to_its_decision(length):
    """Window and frames agree step by step; before the recording nothing is heard, nothing moves, no room is known."""
    frames = to_frames(wandering(), step_s=0.5)
    windows = make_windows(frames, length=length)
    assert windows.rssi.shape == (len(windows), length, 2)
    for i, end_s in enumerate(windows.time_s):
        end = round(end_s / 0.5)
        pad = max(0, length - end)
        np.testing.assert_array_equal(frames.rssi[max(0, end - length) : end], windows.rssi[i, pad:])
        np.testing.assert_array_equal(frames.motion[max(0, end - length) : end], windows.motion[i, pad:])
        np.testing.assert_array_equal(frames.room[max(0, end - length) : end], windows.room[i, pad:])
        assert (windows.rssi[i, :pad] == NOT_HEARD_DBM).all()
        assert (windows.motion[i, :pad] == 0).all()
        assert (windows.room[i, :pad] == UNLABELLED).all()


def test_windows_are_causal():
    """What happens after a decision cannot change its window."""
    recording = wandering()
    changed = recording.rssi_dbm.copy()
    changed[recording.time_s >= 60.0] = -120.0
    windows, other = (
        make_windows(to_frames(wandering(rssi_dbm=rssi)), length=20) for rssi in (recording.rssi_dbm, changed)
    )
    before = windows.time_s <= 60.0
    np.testing.assert_array_equal(windows.rssi[before], other.rssi[before])
    assert (windows.rssi[~before] != other.rssi[~before]).any(axis=(1, 2)).all()


def test_windows_and_decisions_are_the_same_moments():
    """Labels and times of the windows are those of `decide`, whatever the length and the step."""
    recording = wandering()
    for length, step_s in ((1, 0.5), (30, 0.5), (10, 1.0), (8, 0.25)):
        windows, decisions = make_windows(to_frames(recording, step_s=step_s), length=length), decide(recording)
        np.testing.assert_array_equal(decisions.label, windows.label)
        np.testing.assert_array_equal(decisions.time_s, windows.time_s)
        assert decisions.counts == windows.counts


def test_selection_keeps_windows_and_their_recording():
    """A slice, a mask and indices select the same windows."""
    windows = make_windows(to_frames(wandering()), length=3)
    mask = np.zeros(len(windows), dtype=bool)
    mask[4:9] = True
    for chosen in (windows[4:9], windows[mask], windows[np.arange(4, 9)]):
        assert len(chosen) == 5
        np.testing.assert_array_equal(windows.rssi[4:9], chosen.rssi)
        np.testing.assert_array_equal(windows.label[4:9], chosen.label)
        assert chosen.recordings == windows.recordings


def test_concatenation_keeps_track_of_recordings_and_counts():
    """Joined windows still tell from which recording each comes, and counts add up."""
    parts = [make_windows(to_frames(wandering(seed, name=f"test/{seed}")), length=3) for seed in range(3)]
    joined = concatenate([concatenate(parts[:2]), parts[2]])
    assert joined.recordings == ("test/0", "test/1", "test/2")
    assert np.bincount(joined.recording).tolist() == [len(part) for part in parts]
    np.testing.assert_array_equal(parts[2].rssi, joined[joined.recording == 2].rssi)
    assert joined.counts["decisions"] == sum(part.counts["decisions"] for part in parts)


@pytest.mark.parametrize(
    ("length", "hop_s", "message"),
    [
        (0, 2.0, "length must be at least 1 frame, got 0"),
        (4, 1.3, r"whole number of steps of 0.5 s, got 1.3. Choose 1.5 s"),
        (4, 0.1, r"whole number of steps of 0.5 s, got 0.1. Choose 0.5 s"),
    ],
)
def test_windows_that_do_not_fit_the_steps_are_refused(length, hop_s, message):
    """A window has at least one frame, and decisions fall on step boundaries."""
    with pytest.raises(ConfigError, match=message):
        make_windows(to_frames(wandering()), length=length, hop_s=hop_s)


@pytest.mark.parametrize("hop_s", [0.0, -2.0, float("nan")])
def test_a_hop_that_is_no_duration_is_refused(hop_s):
    """Decisions are a positive time apart."""
    with pytest.raises(ConfigError, match="hop_s must be a positive number of seconds"):
        decide(wandering(), hop_s=hop_s)


def test_windows_of_different_homes_do_not_mix():
    """Rooms, step, hop and length must agree, and the message names both recordings."""
    windows = make_windows(to_frames(wandering()), length=4)
    other_home = make_windows(to_frames(wandering(name="other/1", rooms=("a", "b", "c"))), length=4)
    with pytest.raises(DataError, match=r"other/1 and test/1 differ in rooms"):
        concatenate([windows, other_home])
    with pytest.raises(DataError, match="have 5 frames, those of test/1 4"):
        concatenate([windows, make_windows(to_frames(wandering()), length=5)])
    with pytest.raises(DataError, match="differ in hop_s"):
        concatenate([windows, make_windows(to_frames(wandering()), length=4, hop_s=4.0)])
    with pytest.raises(DataError, match="the list is empty"):
        concatenate([])
