from itertools import pairwise

import numpy as np
import pytest

from smidgen.data.floorplan import DOOR_WIDTH, ROOMS, Activity, draw_floor_plan
from smidgen.data.walker import DWELL_LOG_STD, DWELL_MEDIAN_S, draw_person, walk


def walked(seed, duration_s=1800.0):
    rng = np.random.default_rng(seed)
    plan, person = draw_floor_plan(rng), draw_person(rng)
    path = walk(plan, person, duration_s, rng)
    time_s = np.arange(0, duration_s, 0.05)
    return plan, person, path, time_s


@pytest.mark.parametrize("seed", range(8))
def test_a_person_changes_room_only_through_doors(seed):
    """In half an hour of steps of 6 cm, no step crosses a wall, all stay in the flat, and rooms change at doors."""
    plan, _, path, time_s = walked(seed)
    position = path.position(time_s)
    assert not plan.crossings(position[:-1], position[1:]).any()
    room = plan.room_at(position)
    assert (room >= 0).all()
    changes = np.flatnonzero(np.diff(room))
    assert len(changes) > 10
    for i in changes:
        here = position[i : i + 2].mean(axis=0)
        door = min(plan.doors, key=lambda d: np.hypot(d.x - here[0], d.y - here[1]))
        assert np.hypot(door.x - here[0], door.y - here[1]) < DOOR_WIDTH / 2
        assert sorted(door.rooms) == sorted(room[i : i + 2])


@pytest.mark.parametrize("seed", range(4))
def test_nobody_jumps(seed):
    """Between any two moments the person moves no further than walking speed allows, and stands still in a stay."""
    _, person, path, time_s = walked(seed)
    moved = np.hypot(*np.diff(path.position(time_s), axis=0).T)
    assert moved.max() <= person.speed_mps * 0.05 + 1e-9
    leg = path.leg(time_s)
    walking = path.activity[leg] == Activity.WALK
    assert moved[~walking[:-1] & (leg[:-1] == leg[1:])].max() == 0
    assert 0.02 < walking.mean() < 0.4


def test_walkers_look_where_they_go():
    """While walking, heading and movement point the same way."""
    _, _, path, time_s = walked(0)
    leg = path.leg(time_s)
    step = np.diff(path.position(time_s), axis=0)
    steady = (path.activity[leg[:-1]] == Activity.WALK) & (leg[:-1] == leg[1:])
    heading = path.heading[leg[:-1]][steady]
    np.testing.assert_allclose(np.arctan2(*step[steady].T[::-1]), heading, atol=1e-6)


def test_stays_are_log_normal_around_the_room_s_median():
    """Over 60 hours, the time in each room has the stated median and spread; walking in it adds some seconds."""
    stays = {name: [] for name in ROOMS}
    for seed in range(30):
        plan, _, path, time_s = walked(seed, duration_s=7200.0)
        room = plan.room_at(path.position(time_s[::5]))
        edges = np.flatnonzero(np.diff(room)) + 1
        for start, end in pairwise(edges):
            stays[ROOMS[room[start]]].append((end - start) * 0.25)
    for name in set(ROOMS) - {"hall"}:  # the hall is also passed through
        logs = np.log(stays[name])
        through = np.exp(logs) < 6.0  # rooms with a second door are passed through, too
        assert DWELL_MEDIAN_S[name] == pytest.approx(np.exp(np.median(logs[~through])), rel=0.2)
        assert pytest.approx(np.std(logs[~through]), abs=0.12) == DWELL_LOG_STD


def test_half_an_hour_holds_a_plausible_number_of_visits():
    """On average more than one visit in 2 minutes and fewer than 3 in 2, passages through the hall included."""
    visits = []
    for seed in range(20):
        plan, _, path, time_s = walked(seed)
        visits.append(1 + np.count_nonzero(np.diff(plan.room_at(path.position(time_s)))))
    assert 15 < np.mean(visits) < 45
