"""A flat on one floor: rooms as rectangles on both sides of a hall, walls with doors, access points, places to be.

Lengths in metres, x along the hall. Every size and attenuation below is an assumption (a plausible European flat)
unless a source is given. Glossary: `n` positions, `W` pieces of wall.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


class Activity(IntEnum):
    """What the person does; it decides how the wrist moves."""

    WALK = 0
    SIT = 1
    STAND = 2
    WORK = 3  # standing with busy hands: cooking, washing
    LIE = 4


HALL = "hall"
ROOMS = ("bathroom", "bedroom", HALL, "kitchen", "living", "study", "toilet")
"""Every simulated home has these rooms, so that models can be moved between homes."""
ACCESS_POINTS = ("bedroom", "kitchen", "living", "study")
"""Where access points stand unless a home is asked for with others, one a room."""

RELATIVE_WIDTH = {"bathroom": 0.7, "bedroom": 1.2, "kitchen": 1.1, "living": 1.5, "study": 0.9, "toilet": 0.6}
SPOT_ACTIVITIES = {
    "bathroom": (Activity.WORK, Activity.STAND),
    "bedroom": (Activity.LIE, Activity.SIT, Activity.STAND),
    HALL: (Activity.STAND, Activity.STAND),
    "kitchen": (Activity.WORK, Activity.WORK, Activity.SIT),
    "living": (Activity.SIT, Activity.SIT, Activity.STAND),
    "study": (Activity.SIT, Activity.STAND),
    "toilet": (Activity.SIT,),
}

DOOR_WIDTH = 0.85
CORNER = 0.3
"""Least distance of a door from a corner, and of a spot from a wall."""
EXTRA_DOOR_PROBABILITY = 0.3
"""Chance of a door between two rooms that share a wall."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A rectangle."""

    name: str
    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """A straight piece of wall without an opening."""

    x0: float
    y0: float
    x1: float
    y1: float
    loss_db: float  # what a ray loses that crosses it


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An open door between two rooms, at its centre."""

    rooms: tuple[int, int]  # indices; the first lies towards lower x or y
    x: float
    y: float
    across: tuple[float, float]  # unit vector through the door, from the first room to the second


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A place where people stay: a chair, a bed, a sink."""

    x: float
    y: float
    heading: float  # radians, where the person looks
    activity: Activity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FloorPlan:
    """Rooms in the order of ROOMS, access points in the order in which they were asked for."""

    rooms: tuple[Room, ...]
    walls: tuple[Wall, ...]
    doors: tuple[Door, ...]
    spots: tuple[tuple[Spot, ...], ...]  # by room
    access_points: NDArray[np.float64]  # (A, 2)
    _wall_ends: NDArray[np.float64] = field(init=False)  # (W, 4)

    def __post_init__(self) -> None:
        ends = np.array([(w.x0, w.y0, w.x1, w.y1) for w in self.walls]).reshape(-1, 4)
        object.__setattr__(self, "_wall_ends", ends)

    @property
    def adjacency(self) -> NDArray[np.bool_]:
        """(R, R) which rooms a door joins: the house graph, as `decoding.adjacency_only` takes it."""
        joined = np.zeros((len(self.rooms), len(self.rooms)), dtype=np.bool_)
        for door in self.doors:
            first, second = door.rooms
            joined[first, second] = joined[second, first] = True
        return joined

    def room_at(self, position: NDArray[np.float64]) -> NDArray[np.int16]:
        """Return the room (n,) that each position (n, 2) lies in, -1 outside the flat."""
        room = np.full(len(position), -1, dtype=np.int16)
        x, y = position.T
        for index, r in enumerate(self.rooms):
            room[(x >= r.x0) & (x <= r.x1) & (y >= r.y0) & (y <= r.y1)] = index
        return room

    def crossings(self, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walls (n, W) the straight lines from start (n, 2) to end (n, 2) cross."""
        wall_start, wall_end = self._wall_ends[:, :2], self._wall_ends[:, 2:]
        line, wall = (end - start)[:, None, :], (wall_end - wall_start)[None, :, :]
        ends_apart = _cross(line, wall_start - start[:, None]) * _cross(line, wall_end - start[:, None]) < 0
        line_apart = _cross(wall, start[:, None] - wall_start) * _cross(wall, end[:, None] - wall_start) < 0
        crossed: NDArray[np.bool_] = ends_apart & line_apart
        return crossed

    def route(self, start: int, end: int) -> tuple[Door, ...]:
        """Return the doors on the way from room to room, fewest first found."""
        came: dict[int, tuple[int, Door] | None] = {start: None}
        queue = deque([start])
        while end not in came:
            here = queue.popleft()
            for door in self.doors:
                if here in door.rooms:
                    there = door.rooms[1 - door.rooms.index(here)]
                    if there not in came:
                        came[there] = (here, door)
                        queue.append(there)
        doors: list[Door] = []
        step = came[end]
        while step is not None:
            doors.append(step[1])
            step = came[step[0]]
        return tuple(reversed(doors))


def draw_floor_plan(rng: np.random.Generator, *, access_points: Sequence[str] = ACCESS_POINTS) -> FloorPlan:
    """Draw a flat: three rooms on each side of the hall, in random order and size, each with a door to the hall.

    Args: access_points, the rooms that have one; where they stand is drawn last, so all else does not depend on them.
    """
    width = rng.uniform(9.0, 12.0)
    south, hall, north = rng.uniform(3.0, 4.2), rng.uniform(1.2, 1.8), rng.uniform(3.0, 4.2)
    order = rng.permutation([name for name in ROOMS if name != HALL]).tolist()
    rows = [
        _row(order[:3], width, 0.0, south, rng),
        [Room(name=HALL, x0=0.0, y0=south, x1=width, y1=south + hall)],
        _row(order[3:], width, south + hall, south + hall + north, rng),
    ]
    rooms = tuple(sorted((room for row in rows for room in row), key=lambda room: ROOMS.index(room.name)))
    doors = [
        *(
            _hall_door(room, south if row is rows[0] else south + hall, rng)
            for row in (rows[0], rows[2])
            for room in row
        ),
        *(
            _side_door(left, right, rng)
            for row in (rows[0], rows[2])
            for left, right in pairwise(row)
            if rng.random() < EXTRA_DOOR_PROBABILITY
        ),
    ]
    return FloorPlan(
        rooms=rooms,
        walls=_walls(rows, doors, rng),
        doors=tuple(doors),
        spots=tuple(_spots(room, rng) for room in rooms),
        access_points=np.array([_near_wall(rooms[ROOMS.index(name)], rng) for name in access_points]),
    )


def _row(names: list[str], width: float, y0: float, y1: float, rng: np.random.Generator) -> list[Room]:
    """Return rooms side by side over the whole width."""
    shares = np.array([RELATIVE_WIDTH[name] for name in names]) * rng.uniform(0.9, 1.1, size=len(names))
    edges = np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * width
    return [
        Room(name=name, x0=float(x0), y0=y0, x1=float(x1), y1=y1)
        for name, x0, x1 in zip(names, edges[:-1], edges[1:], strict=True)
    ]


def _hall_door(room: Room, y: float, rng: np.random.Generator) -> Door:
    margin = CORNER + DOOR_WIDTH / 2
    pair = (ROOMS.index(room.name), ROOMS.index(HALL))
    is_south = room.y1 == y
    return Door(
        rooms=pair if is_south else pair[::-1],
        x=rng.uniform(room.x0 + margin, room.x1 - margin),
        y=y,
        across=(0.0, 1.0),
    )


def _side_door(left: Room, right: Room, rng: np.random.Generator) -> Door:
    margin = CORNER + DOOR_WIDTH / 2
    return Door(
        rooms=(ROOMS.index(left.name), ROOMS.index(right.name)),
        x=left.x1,
        y=rng.uniform(left.y0 + margin, left.y1 - margin),
        across=(1.0, 0.0),
    )


def _walls(rows: list[list[Room]], doors: list[Door], rng: np.random.Generator) -> tuple[Wall, ...]:
    """Return the pieces of wall that the doors leave standing.

    Losses are assumptions: 3 to 5 dB for a light partition, 5 to 8 dB along the hall, 10 dB outside.
    """
    width, top = rows[1][0].x1, rows[2][0].y1
    walls = [
        Wall(x0=0.0, y0=0.0, x1=width, y1=0.0, loss_db=10.0),
        Wall(x0=0.0, y0=top, x1=width, y1=top, loss_db=10.0),
        Wall(x0=0.0, y0=0.0, x1=0.0, y1=top, loss_db=10.0),
        Wall(x0=width, y0=0.0, x1=width, y1=top, loss_db=10.0),
    ]
    for y in (rows[1][0].y0, rows[1][0].y1):
        loss_db = rng.uniform(5.0, 8.0)
        openings = sorted(door.x for door in doors if door.across == (0.0, 1.0) and door.y == y)
        walls += [Wall(x0=a, y0=y, x1=b, y1=y, loss_db=loss_db) for a, b in _pieces(0.0, width, openings)]
    for row in (rows[0], rows[2]):
        for left in row[:-1]:
            x, loss_db = left.x1, rng.uniform(3.0, 5.0)
            inside = (left.y0, left.y1)
            openings = [d.y for d in doors if d.across == (1.0, 0.0) and d.x == x and inside[0] < d.y < inside[1]]
            walls += [Wall(x0=x, y0=a, x1=x, y1=b, loss_db=loss_db) for a, b in _pieces(*inside, openings)]
    return tuple(walls)


def _pieces(start: float, end: float, openings: list[float]) -> list[tuple[float, float]]:
    """Return what is left of [start, end] after cutting doors out, given their centres in order."""
    edges = [start, *(edge for c in openings for edge in (c - DOOR_WIDTH / 2, c + DOOR_WIDTH / 2)), end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _spots(room: Room, rng: np.random.Generator) -> tuple[Spot, ...]:
    return tuple(
        Spot(
            x=rng.uniform(room.x0 + CORNER, room.x1 - CORNER),
            y=rng.uniform(room.y0 + CORNER, room.y1 - CORNER),
            heading=rng.uniform(-np.pi, np.pi),
            activity=activity,
        )
        for activity in SPOT_ACTIVITIES[room.name]
    )


def _near_wall(room: Room, rng: np.random.Generator) -> tuple[float, float]:
    """Return a place for an access point: 10 cm from the wall away from the hall, as sockets are."""
    is_south = room.y0 == 0.0
    return rng.uniform(room.x0 + CORNER, room.x1 - CORNER), room.y0 + 0.1 if is_south else room.y1 - 0.1


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the z component of the cross product of vectors in the plane (..., 2)."""
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
