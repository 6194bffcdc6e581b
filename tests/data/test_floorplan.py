import numpy as np
import pytest

from smidgen.data.floorplan import DOOR_WIDTH, HALL, ROOMS, FloorPlan, Room, Wall, draw_floor_plan


@pytest.fixture(params=range(8))
def plan(request):
    return draw_floor_plan(np.random.default_rng(request.param))


def corners(plan):
    return max(r.x1 for r in plan.rooms), max(r.y1 for r in plan.rooms)


def test_rooms_tile_the_flat(plan):
    """Every point of the flat lies in exactly one room, and the rooms are those that every home has."""
    width, depth = corners(plan)
    points = np.random.default_rng(0).uniform([0, 0], [width, depth], size=(2000, 2))
    inside = sum(
        (points[:, 0] > r.x0) & (points[:, 0] < r.x1) & (points[:, 1] > r.y0) & (points[:, 1] < r.y1)
        for r in plan.rooms
    )
    assert (inside == 1).all()
    assert tuple(r.name for r in plan.rooms) == ROOMS
    assert (plan.room_at(points) >= 0).all()
    assert plan.room_at(np.array([[-1.0, 1.0], [width + 1, 1.0]])).tolist() == [-1, -1]


def test_rooms_have_plausible_sizes(plan):
    """No room is narrower than a door with its corners, none is larger than 35 square metres."""
    for r in plan.rooms:
        assert min(r.x1 - r.x0, r.y1 - r.y0) >= 1.2
        assert (r.x1 - r.x0) * (r.y1 - r.y0) < 35


def test_adjacency_is_the_graph_of_doors(plan):
    """Every room touches the hall, no room itself, and both ways alike; each pair is that of a door."""
    touching = plan.adjacency
    hall = ROOMS.index(HALL)
    assert touching[hall].sum() == len(ROOMS) - 1
    assert not touching.diagonal().any()
    np.testing.assert_array_equal(touching, touching.T)
    assert touching.sum() == 2 * len({tuple(sorted(door.rooms)) for door in plan.doors})


def test_walls_separate_rooms_except_at_doors(plan):
    """A straight line from room to room crosses a wall, unless it goes through the opening of a door."""
    rng = np.random.default_rng(1)
    start, end = (rng.uniform([0, 0], corners(plan), size=(3000, 2)) for _ in range(2))
    crossed = plan.crossings(start, end).any(axis=1)
    same = plan.room_at(start) == plan.room_at(end)
    assert not crossed[same].any()
    for a, b in zip(start[~same & ~crossed], end[~same & ~crossed], strict=True):
        along = a + np.linspace(0, 1, 2000)[:, None] * (b - a)
        change = along[np.flatnonzero(np.diff(plan.room_at(along)))]
        for point in change:
            assert min(np.hypot(d.x - point[0], d.y - point[1]) for d in plan.doors) <= DOOR_WIDTH / 2 + 0.02


def test_every_room_is_reached_through_doors(plan):
    """A route begins in the one room, ends in the other, and each door on it continues where the last one led."""
    for start in range(len(ROOMS)):
        for end in range(len(ROOMS)):
            here = start
            for door in plan.route(start, end):
                assert here in door.rooms
                here = door.rooms[1 - door.rooms.index(here)]
            assert here == end
            assert len(plan.route(start, end)) <= 2


def test_doors_lie_between_their_rooms_with_the_first_behind(plan):
    """Stepping through a door in its own direction leads from its first room to its second."""
    for door in plan.doors:
        centre, across = np.array([door.x, door.y]), np.array(door.across)
        before, behind = plan.room_at(np.array([centre - 0.1 * across, centre + 0.1 * across]))
        assert (before, behind) == door.rooms


def test_spots_and_access_points_lie_in_their_rooms(plan):
    """People stay inside the room that a spot belongs to; access points hang where their name says."""
    for index, spots in enumerate(plan.spots):
        for spot in spots:
            assert plan.room_at(np.array([[spot.x, spot.y]]))[0] == index
    names = [ROOMS[room] for room in plan.room_at(plan.access_points)]
    assert names == ["bedroom", "kitchen", "living", "study"]


def test_crossings_of_a_wall_with_an_opening():
    """A ray is stopped by the wall beside the opening and passes through the opening and past the ends."""
    plan = FloorPlan(
        rooms=(Room(name=HALL, x0=-5, y0=-5, x1=5, y1=5),),
        walls=(Wall(x0=0, y0=-3, x1=0, y1=-1, loss_db=5), Wall(x0=0, y0=1, x1=0, y1=3, loss_db=5)),
        doors=(),
        spots=((),),
        access_points=np.zeros((0, 2)),
    )
    y = np.array([-4.0, -2.0, 0.0, 2.0, 4.0])
    start, end = np.stack([0 * y - 1, y], axis=1), np.stack([0 * y + 1, y], axis=1)
    assert plan.crossings(start, end).tolist() == [[0, 0], [1, 0], [0, 0], [0, 1], [0, 0]]
    assert not plan.crossings(start, start + np.array([0.5, 0.0])).any()


def test_homes_differ():
    """Two seeds give two floor plans."""
    plans = [draw_floor_plan(np.random.default_rng(seed)) for seed in range(5)]
    assert len({tuple(r.centre for r in plan.rooms) for plan in plans}) == 5
