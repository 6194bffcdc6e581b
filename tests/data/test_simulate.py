import hashlib

import numpy as np
import pytest

from smidgen.data import decide, make_windows, to_frames
from smidgen.data.floorplan import ACCESS_POINTS, ROOMS
from smidgen.data.simulate import simulate_home
from smidgen.errors import ConfigError


@pytest.fixture(scope="module")
def recording():
    return simulate_home(1).record(2, 1200.0)


def digest(recording):
    sha = hashlib.sha256()
    for values in (recording.time_s, recording.rssi_dbm, recording.acceleration_g, recording.room):
        sha.update(values.tobytes())
    return sha.hexdigest()


def test_the_same_seeds_give_the_same_bytes():
    """A recording is fixed by home, seed and duration; another of either is another recording."""
    digests = [
        digest(simulate_home(home).record(seed, 60.0)) for home, seed in [(1, 2), (1, 2), (1, 3), (2, 2), (2, 1)]
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 4


def test_recordings_of_a_home_share_its_map():
    """Rooms and access points are the same in every recording of every home, so models can be moved."""
    for home in (0, 5):
        recording = simulate_home(home).record(0, 60.0)
        assert (recording.rooms, recording.access_points) == (ROOMS, ACCESS_POINTS)
        assert recording.home == f"simulated/home-{home}"


def test_the_log_has_the_traps_of_a_real_one(recording):
    """About 20 Hz off the grid, each access point misses some packets, a lost packet leaves a gap, all is counted."""
    pause = np.diff(recording.time_s)
    assert np.median(pause) == pytest.approx(0.05, rel=0.01)
    assert len(np.unique(np.round(pause, 6))) > 100
    missing = np.isnan(recording.rssi_dbm).mean(axis=0)
    assert ((missing > 0.05) & (missing < 0.8)).all()
    assert pause.max() > 0.2
    assert recording.counts["rows"] == len(recording.time_s)
    assert recording.counts["rows_lost_on_air"] > 0
    assert not np.isnan(recording.rssi_dbm).all(axis=1).any()


def test_levels_are_those_of_a_radio(recording):
    """Whole dBm, from loud beside an access point to the receiver's limit, as in SPHERE's logs (-50 to -105 dBm)."""
    heard = recording.rssi_dbm[~np.isnan(recording.rssi_dbm)]
    assert (heard == np.rint(heard)).all()
    assert -75 < heard.max() < -35
    assert -112 < heard.min() < -90


@pytest.mark.parametrize("home", range(4))
def test_the_own_room_is_the_loudest_on_average(home):
    """In a room with an access point, that one is heard louder than the others on average over the visits."""
    recordings = [simulate_home(home).record(seed, 1200.0) for seed in range(3)]
    level = np.nan_to_num(np.concatenate([r.rssi_dbm for r in recordings]), nan=-100.0)
    room = np.concatenate([r.room for r in recordings])
    for column, name in enumerate(ACCESS_POINTS):
        assert level[room == ROOMS.index(name)].mean(axis=0).argmax() == column


def test_rooms_are_visited_and_windows_cut(recording):
    """A recording of 20 minutes visits at least five rooms and gives a window for nearly each 2 s."""
    assert len(np.unique(recording.room)) >= 5
    windows = make_windows(to_frames(recording), length=20)
    assert len(windows) == len(decide(recording)) > 540


@pytest.mark.parametrize("duration_s", [0.0, 9.9, 7201.0, float("nan")])
def test_a_duration_out_of_range_is_refused(duration_s):
    """From 10 seconds to two hours."""
    with pytest.raises(ConfigError, match="duration_s must lie between 10 and 7200 s"):
        simulate_home(0).record(0, duration_s)


def test_a_negative_seed_is_refused():
    """Seeds are 0 or more, and the message says which was meant."""
    with pytest.raises(ConfigError, match="home seed must be 0 or more, got -1"):
        simulate_home(-1)
    with pytest.raises(ConfigError, match=r"^seed must be 0 or more, got -2"):
        simulate_home(0).record(-2, 60.0)


def test_a_calibration_walk_visits_every_room_in_two_minutes_and_shares_the_time():
    """No room is left out; over ten minutes each but the hall, which is only passed, has its tenth at least."""
    for seed in range(4):
        home = simulate_home(seed)
        short, long = (np.bincount(home.calibrate(0, s).room, minlength=len(ROOMS)) for s in (120.0, 600.0))
        assert (short > 0).all()
        share = np.delete(long, ROOMS.index("hall")) / long.sum()
        assert share.min() > 0.08
        assert share.max() < 0.25


def test_access_points_stand_where_they_are_asked_for():
    """Any rooms, in any order; the flat, and the level by distance of one that stays, are those of the usual home."""
    usual, other = simulate_home(3), simulate_home(3, access_points=("bedroom", "toilet"))
    assert other.calibrate(0, 60.0).access_points == ("bedroom", "toilet")
    assert usual.plan.rooms == other.plan.rooms
    np.testing.assert_array_equal(usual.plan.access_points[0], other.plan.access_points[0])
    assert other.plan.room_at(other.plan.access_points).tolist() == [ROOMS.index("bedroom"), ROOMS.index("toilet")]


@pytest.mark.parametrize(
    ("access_points", "message"),
    [(("kitchn",), "did you mean 'kitchen'"), ((), "at least one access point"), (("hall", "hall"), "one a room")],
)
def test_access_points_without_a_room_of_their_own_are_refused(access_points, message):
    """A mistyped room, none at all, two in one room."""
    with pytest.raises(ConfigError, match=message):
        simulate_home(0, access_points=access_points)
