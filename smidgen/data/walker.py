"""A person at home: a walk over the room graph, through doors, with stays of realistic length.

Stays are log-normal; that and the medians by room are assumptions. Half an hour holds 22 to 39 visits, the hall being
passed on most ways; SPHERE's sequences have 17 to 22 in 25 to 30 minutes. Glossary: `n` times, `L` legs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from smidgen.data.floorplan import CORNER, HALL, ROOMS, Activity, Door, FloorPlan, Spot

DWELL_MEDIAN_S = {
    "bathroom": 60.0,
    "bedroom": 90.0,
    HALL: 8.0,
    "kitchen": 100.0,
    "living": 130.0,
    "study": 80.0,
    "toilet": 40.0,
}
DWELL_LOG_STD = 0.6
SPOT_MEDIAN_S = 30.0
"""How long the person stays at one spot before changing to another in the same room."""
ATTRACTION = {"bathroom": 2.0, "bedroom": 2.0, HALL: 1.0, "kitchen": 3.0, "living": 3.0, "study": 2.0, "toilet": 1.5}
"""Relative chance of a room to be the next, times the number of visits elsewhere since the last one there."""
GUIDED_STAY_S = 30.0
"""On a calibration walk, about how long a stay in a room lasts before the next room's turn comes."""
GUIDED_SPOT_S = 5.0
SPOT_SPREAD_M = 0.25
DOOR_APPROACH_M = 0.35
"""Doors are walked through squarely, from this far before to this far behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What differs between people; ranges in `draw_person` are assumptions."""

    speed_mps: float
    steps_hz: float
    body_loss_db: float  # lost when the body is between the wrist and the access point
    tag_offset_db: float  # strap and transmitter
    wrist_tilt: NDArray[np.float64]  # (3, 3) rotation, how the tag sits on the wrist


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """A path in straight legs at constant speed, without a pause in between."""

    start_s: NDArray[np.float64]  # (L,) increasing from 0
    start: NDArray[np.float64]  # (L, 2)
    end: NDArray[np.float64]  # (L, 2)
    heading: NDArray[np.float64]  # (L,) radians
    activity: NDArray[np.int8]  # (L,)
    duration_s: float

    def leg(self, time_s: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the leg (n,) of each time."""
        return np.searchsorted(self.start_s, time_s, side="right") - 1

    def position(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the position (n, 2) at each time."""
        leg = self.leg(time_s)
        lasts = np.diff(self.start_s, append=self.duration_s)
        share = ((time_s - self.start_s[leg]) / lasts[leg])[:, None]
        where: NDArray[np.float64] = self.start[leg] + share * (self.end - self.start)[leg]
        return where


def draw_person(rng: np.random.Generator) -> Person:
    """Draw a person."""
    tilt, _ = np.linalg.qr(np.eye(3) + rng.normal(0.0, 0.15, size=(3, 3)))
    return Person(
        speed_mps=rng.uniform(0.9, 1.3),
        steps_hz=rng.uniform(1.7, 2.1),
        body_loss_db=rng.uniform(5.0, 9.0),
        tag_offset_db=rng.normal(0.0, 1.5),
        wrist_tilt=tilt * np.sign(np.diag(tilt)),
    )


def walk(plan: FloorPlan, person: Person, duration_s: float, rng: np.random.Generator) -> Walk:
    """Return a walk of at least `duration_s` seconds: stays at the spots of rooms, and the ways between them."""
    path = _Path()
    room = ROOMS.index("living")
    spot = _scattered(_choose(plan.spots[room], rng), plan, room, rng)
    visits_since = np.ones(len(ROOMS))
    while path.time_s < duration_s:
        leaves_s = path.time_s + _log_normal(DWELL_MEDIAN_S[ROOMS[room]], rng)
        while True:
            path.stay(spot, min(_log_normal(SPOT_MEDIAN_S, rng), leaves_s - path.time_s))
            if path.time_s >= leaves_s - 1e-9:
                break
            spot_next = _scattered(_choose(plan.spots[room], rng), plan, room, rng)
            path.go((spot.x, spot.y), (spot_next.x, spot_next.y), person.speed_mps)
            spot = spot_next
        visits_since += 1
        visits_since[room] = 0
        room_next = _next_room(visits_since, rng)
        spot_next = _scattered(_choose(plan.spots[room_next], rng), plan, room_next, rng)
        way = _way(plan, room, room_next)
        stops = [(spot.x, spot.y), *way, (spot_next.x, spot_next.y)]
        for a, b in pairwise(stops):
            path.go(a, b, person.speed_mps)
        room, spot = room_next, spot_next
    return path.finish()


def guided_walk(plan: FloorPlan, person: Person, duration_s: float, rng: np.random.Generator) -> Walk:
    """Return a calibration walk: every room in turn, always on to the nearest not yet visited, then the next round.

    Rooms get equal shares of the time, the way to them included; the hall is what lies on the way. Within a room the
    person changes place all the time.
    """
    path = _Path()
    to_visit = [index for index, name in enumerate(ROOMS) if name != HALL]
    rounds = max(1, round(duration_s / (len(to_visit) * GUIDED_STAY_S)))
    room = ROOMS.index("living")
    spot = _scattered(_choose(plan.spots[room], rng), plan, room, rng)
    visits = 0
    for _ in range(rounds):
        unvisited = set(to_visit)
        while unvisited:
            room_next = min(unvisited, key=lambda other: _apart(plan, room, other))
            unvisited.remove(room_next)
            spot_next = _scattered(_choose(plan.spots[room_next], rng), plan, room_next, rng)
            stops = [(spot.x, spot.y), *_way(plan, room, room_next), (spot_next.x, spot_next.y)]
            for a, b in pairwise(stops):
                path.go(a, b, person.speed_mps)
            room, spot = room_next, spot_next
            visits += 1
            leaves_s = duration_s * visits / (rounds * len(to_visit))
            while path.time_s < leaves_s - 1e-9:
                path.stay(spot, min(GUIDED_SPOT_S, leaves_s - path.time_s))
                spot_next = _scattered(_choose(plan.spots[room], rng), plan, room, rng)
                path.go((spot.x, spot.y), (spot_next.x, spot_next.y), person.speed_mps)
                spot = spot_next
    return path.finish()


class _Path:
    """Legs as they are added, one after the other."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self._legs: list[tuple[float, tuple[float, float], tuple[float, float], float, Activity]] = []

    def stay(self, spot: Spot, lasts_s: float) -> None:
        here = (spot.x, spot.y)
        self._add(here, here, spot.heading, spot.activity, lasts_s)

    def go(self, start: tuple[float, float], end: tuple[float, float], speed_mps: float) -> None:
        dx, dy = end[0] - start[0], end[1] - start[1]
        self._add(start, end, float(np.arctan2(dy, dx)), Activity.WALK, float(np.hypot(dx, dy)) / speed_mps)

    def _add(
        self, start: tuple[float, float], end: tuple[float, float], heading: float, activity: Activity, lasts_s: float
    ) -> None:
        if lasts_s > 0:
            self._legs.append((self.time_s, start, end, heading, activity))
            self.time_s += lasts_s

    def finish(self) -> Walk:
        start_s, start, end, heading, activity = zip(*self._legs, strict=True)
        return Walk(
            start_s=np.array(start_s),
            start=np.array(start),
            end=np.array(end),
            heading=np.array(heading),
            activity=np.array(activity, dtype=np.int8),
            duration_s=self.time_s,
        )


def _apart(plan: FloorPlan, room: int, other: int) -> float:
    """Return the distance between the centres of two rooms in metres."""
    a, b = plan.rooms[room].centre, plan.rooms[other].centre
    return float(np.hypot(a[0] - b[0], a[1] - b[1]))


def _choose(spots: tuple[Spot, ...], rng: np.random.Generator) -> Spot:
    return spots[int(rng.integers(len(spots)))]


def _scattered(spot: Spot, plan: FloorPlan, room: int, rng: np.random.Generator) -> Spot:
    """Return the spot as it is used this time: a little off, facing a little elsewhere, still inside the room."""
    r = plan.rooms[room]
    return Spot(
        x=float(np.clip(spot.x + rng.normal(0.0, SPOT_SPREAD_M), r.x0 + CORNER, r.x1 - CORNER)),
        y=float(np.clip(spot.y + rng.normal(0.0, SPOT_SPREAD_M), r.y0 + CORNER, r.y1 - CORNER)),
        heading=spot.heading + rng.normal(0.0, 0.4),
        activity=spot.activity,
    )


def _next_room(visits_since: NDArray[np.float64], rng: np.random.Generator) -> int:
    weight = np.array([ATTRACTION[name] for name in ROOMS]) * visits_since
    return int(rng.choice(len(ROOMS), p=weight / weight.sum()))


def _way(plan: FloorPlan, start: int, end: int) -> list[tuple[float, float]]:
    """Return the points to walk over from room to room: before, in and behind each door, square to it."""
    points: list[tuple[float, float]] = []
    here = start
    for door in plan.route(start, end):
        forward = door.rooms[0] == here
        points += _through(door, 1.0 if forward else -1.0)
        here = door.rooms[1] if forward else door.rooms[0]
    return points


def _through(door: Door, sign: float) -> list[tuple[float, float]]:
    return [
        (door.x + sign * along * door.across[0], door.y + sign * along * door.across[1])
        for along in (-DOOR_APPROACH_M, 0.0, DOOR_APPROACH_M)
    ]


def _log_normal(median: float, rng: np.random.Generator) -> float:
    return float(median * np.exp(rng.normal(0.0, DWELL_LOG_STD)))
