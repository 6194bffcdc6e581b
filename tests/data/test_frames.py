import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import every, make_recording

from smidgen.data import NOT_HEARD_DBM, UNLABELLED, to_frames
from smidgen.errors import ConfigError, DataError


@st.composite
def off_grid_recordings(draw):
    """Recordings with any clock, gaps of up to a minute, and packets and samples missing anywhere."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 120))
    pause = rng.choice([0.001, 0.05, 0.051, 0.1, 1.7, 51.0], size=n, p=[0.05, 0.5, 0.2, 0.15, 0.05, 0.05])
    rssi = np.where(rng.random((n, 2)) < 0.4, np.nan, rng.integers(-105, -50, size=(n, 2)))
    acceleration = np.where(rng.random((n, 1)) < 0.1, np.nan, rng.normal(size=(n, 3)))
    return make_recording(
        np.cumsum(pause) + rng.uniform(0, 3),
        rssi_dbm=rssi.astype(np.float32),
        acceleration_g=acceleration.astype(np.float32),
        room=rng.integers(-1, 3, size=n).astype(np.int16),
    )


@given(recording=off_grid_recordings(), step_s=st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_a_frame_holds_exactly_the_rows_of_its_step(recording, step_s):
    """For any clock and any gaps, a step's features are the plain statistics of the rows whose time lies in it."""
    frames = to_frames(recording, step_s=step_s)
    step_of = np.floor(recording.time_s / step_s)
    held = np.zeros(3)
    for i in range(len(frames)):
        inside = step_of == i
        assert inside.sum() == frames.samples[i]
        for a in range(2):
            heard = recording.rssi_dbm[inside, a]
            heard = heard[~np.isnan(heard)]
            expected = np.rint(np.mean(heard, dtype=np.float64)) if len(heard) else NOT_HEARD_DBM
            assert expected == frames.rssi[i, a]
        samples = recording.acceleration_g[inside].astype(np.float64)
        samples = samples[~np.isnan(samples).any(axis=1)]
        held = samples.mean(axis=0) if len(samples) else held
        deviation = samples.std(axis=0) if len(samples) else np.zeros(3)
        np.testing.assert_allclose(frames.motion[i], [*held, *deviation], rtol=1e-5, atol=1e-6)
    assert frames.samples.sum() == len(recording.time_s)
    assert frames.time_s[-1] > recording.duration_s >= frames.time_s[-1] - step_s - 1e-9


def test_a_gap_stays_a_gap_and_is_counted():
    """In a gap of 51 s nothing is heard, motion is held without deviation, and the steps are unlabelled and counted."""
    time_s = np.concatenate([every(0.05, 10.0), every(0.05, 10.0) + 61.0])
    acceleration = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    frames = to_frames(make_recording(time_s, acceleration_g=acceleration), step_s=0.5)
    gap = slice(20, 122)
    assert (frames.samples[gap] == 0).all()
    assert (frames.rssi[gap] == NOT_HEARD_DBM).all()
    assert (frames.motion[gap, :3] == frames.motion[19, :3]).all()
    assert (frames.motion[gap, 3:] == 0).all()
    assert (frames.room[22:120] == UNLABELLED).all()
    assert frames.counts["steps_without_rows"] == 102
    assert frames.counts["steps_without_acceleration"] == 102


def test_half_rate_fills_the_same_steps_with_half_the_rows():
    """A sequence at half the rate gives as many steps, with the same levels, from half the rows."""
    full, half = (to_frames(make_recording(every(step_s, 60.0))) for step_s in (0.05, 0.1))
    assert (full.samples == 10).all()
    assert (half.samples == 5).all()
    np.testing.assert_array_equal(full.rssi, half.rssi)


def test_no_accelerometer_reads_as_rest():
    """Without an accelerometer every step has zero motion and says so in the counts."""
    frames = to_frames(make_recording(every(0.1, 5.0), acceleration_g=None))
    assert (frames.motion == 0).all()
    assert frames.counts["steps_without_acceleration"] == len(frames) == 10


def test_the_room_is_that_at_the_middle_of_the_step():
    """A step during which the person changes room has the room of its middle."""
    time_s = every(0.1, 2.0)
    frames = to_frames(make_recording(time_s, room=np.where(time_s < 0.6, 1, 2).astype(np.int16)))
    assert frames.room.tolist() == [1, 2, 2, 2]


def test_the_counts_of_the_recording_are_kept():
    """What the loader dropped stays on record."""
    assert to_frames(make_recording([0.1], counts={"rows_repeating_a_time": 7})).counts["rows_repeating_a_time"] == 7


def test_a_flood_of_another_stacks_code_leaves_the_mean_alone():
    """-120 dBm beside a packet of -70 dBm in one step: the step reads -70, and a step of -120 alone "not heard"."""
    recording = make_recording(
        [0.1, 0.2, 0.6], rssi_dbm=np.float32([[-70.0, -120.0], [-120.0, -120.0], [-120.0, -60.0]])
    )
    assert to_frames(recording, step_s=0.5).rssi.tolist() == [[-70, NOT_HEARD_DBM], [NOT_HEARD_DBM, -60]]


@pytest.mark.parametrize("step_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_step_that_is_no_duration_is_refused(step_s):
    """Only a positive, finite step makes sense."""
    with pytest.raises(ConfigError, match="step_s must be a positive number of seconds"):
        to_frames(make_recording([0.1]), step_s=step_s)


def test_a_clock_in_unix_time_is_refused_before_it_fills_the_memory():
    """Seconds since 1970 would make billions of empty steps; the message says what clock is wanted."""
    with pytest.raises(DataError, match="Give time_s in seconds from the start of the recording"):
        to_frames(make_recording([1.7e9, 1.7e9 + 1]))
