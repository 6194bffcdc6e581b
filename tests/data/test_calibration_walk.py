import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import fingerprint_then_live
from smidgen.errors import DataError


def walk(name, rooms, **changes):
    """Return a minute of rows, shared by the rooms in order."""
    time_s = every(0.2, 60.0)
    room = np.array(rooms, dtype=np.int16)[np.arange(len(time_s)) * len(rooms) // len(time_s)]
    return make_recording(time_s, name=name, room=room, **changes)


def test_a_calibration_walk_trains_and_living_tests():
    """Both sides as given; rooms that living does not ask for may be in the walk."""
    calibration, living = [walk("test/fp", [0, 1, 2])], [walk("test/monday", [1]), walk("test/tuesday", [2, -1])]
    split = fingerprint_then_live(calibration, living)
    assert (split.train, split.test) == (tuple(calibration), tuple(living))
    assert split.name == "test: calibration to living"


@pytest.mark.parametrize(
    ("calibration", "living", "message"),
    [
        ([], [walk("a", [0])], "got 0 and 1 recordings. Record a walk"),
        ([walk("a", [0])], [], "got 1 and 0 recordings"),
        ([walk("a", [0])], [walk("a", [0])], "a is calibration and living"),
        ([walk("a", [0, 1])], [walk("b", [1, 2])], "ask for living, which no calibration walk visited"),
        ([walk("a", [0])], [walk("b", [-1])], "no decision of the living recordings has a room"),
        ([walk("a", [0])], [walk("b", [0], home="other")], "b and a differ in home: other against test"),
        ([walk("a", [0])], [walk("b", [0], access_points=("x", "y"))], "differ in access_points"),
    ],
    ids=["no walk", "no living", "both", "unvisited", "unlabelled", "home", "anchors"],
)
def test_what_would_not_be_the_protocol_is_refused(calibration, living, message):
    """Empty or shared sides, rooms never shown, nothing to score, two homes."""
    with pytest.raises(DataError, match=message):
        fingerprint_then_live(calibration, living)
