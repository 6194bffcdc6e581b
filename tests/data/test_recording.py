import numpy as np
import pytest
from recordings import make_recording

from smidgen.data import UNLABELLED
from smidgen.errors import DataError

TIME_S = [0.1, 0.2, 0.3]


def rssi(*rows):
    return np.array(rows, dtype=np.float32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rooms": ()}, "rooms must be at least one printable name"),
        ({"rooms": ("hall", "")}, "rooms must be at least one printable name"),
        ({"rooms": ("hall", "a\nb")}, "rooms must be at least one printable name"),
        ({"access_points": ("kitchen", "kitchen")}, "access points must be at least one printable name, each once"),
        ({"present": (True,)}, "for each of the 2 access points, got 1 answers"),
        ({"time_s": np.array([0.1, 0.3, 0.2])}, r"row 2 \(0.200000 s\) follows 0.300000 s"),
        ({"time_s": np.array([0.1, 0.1, 0.2])}, "must increase strictly, but row 1"),
        ({"time_s": np.array([-0.1, 0.1, 0.2])}, "finite seconds from the start"),
        ({"time_s": np.array([0.1, np.nan, 0.2])}, "finite seconds from the start"),
        ({"time_s": np.zeros(0)}, r"shape \(n,\) with n >= 1, got \(0,\)"),
        ({"rssi_dbm": rssi([-70, -70])}, r"shape \(n, A\) = \(3, 2\), got \(1, 2\)"),
        ({"rssi_dbm": rssi([-70, -70], [-70, 127], [-70, -70])}, "living reads 127.0 dBm in row 1"),
        ({"rssi_dbm": rssi([-70, -70], [-70, -np.inf], [-70, -70])}, "living reads -inf dBm in row 1"),
        ({"present": (True, False)}, "living heard packets, but is marked as not present"),
        ({"acceleration_g": np.zeros((3, 2), dtype=np.float32)}, r"shape \(n, 3\) = \(3, 3\), got \(3, 2\)"),
        ({"acceleration_g": np.full((3, 3), np.inf, dtype=np.float32)}, "infinite value; write NaN"),
        ({"room": np.zeros(2, dtype=np.int16)}, r"shape \(n,\) = \(3,\), got \(2,\)"),
        ({"room": np.array([0, 1, 3], dtype=np.int16)}, "from 0 to 3; the map has rooms 0..2"),
        ({"room": np.array([0, -2, 1], dtype=np.int16)}, "from -2 to 1"),
    ],
)
def test_a_contradiction_is_refused_with_what_was_found(changes, message):
    """Arrays that contradict each other make no recording; the message names the recording and the fault."""
    with pytest.raises(DataError, match=message) as error:
        make_recording(TIME_S, **changes)
    assert str(error.value).startswith("test/1: ")


def test_nothing_heard_and_no_accelerometer_are_legal():
    """NaN marks a packet that was not heard or a sample that was lost; a recording may lack an accelerometer."""
    recording = make_recording(TIME_S, rssi_dbm=np.full((3, 2), np.nan, dtype=np.float32), acceleration_g=None)
    assert recording.duration_s == 0.3


def test_room_at_takes_the_nearest_row_within_reach():
    """A time has the room of the row nearest to it, and none where that row is more than a second away."""
    recording = make_recording([1.0, 2.0, 10.0], room=np.array([0, 1, 2], dtype=np.int16))
    times = np.array([0.0, -0.1, 1.4, 1.6, 2.9, 3.1, 8.9, 9.1, 11.0, 11.1])
    assert recording.room_at(times).tolist() == [0, -1, 0, 1, 1, -1, -1, 2, 2, -1]


def test_room_at_of_a_single_row():
    """One row is enough to answer."""
    assert make_recording([1.0]).room_at(np.array([0.5, 1.5, 9.0])).tolist() == [0, 0, UNLABELLED]


def test_room_at_equals_a_search_over_all_rows():
    """The fast search equals looking at every row."""
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.exponential(0.4, size=200))
    recording = make_recording(time_s, room=rng.integers(-1, 3, size=200).astype(np.int16))
    asked = rng.uniform(0, 90, size=500)
    for time, room in zip(asked, recording.room_at(asked), strict=True):
        nearest = np.abs(time_s - time).argmin()
        expected = recording.room[nearest] if abs(time_s[nearest] - time) <= 1.0 else UNLABELLED
        assert expected == room


def test_what_no_receiver_hears_is_not_heard():
    """-120 dBm is how other stacks write "nothing": no level in `heard_dbm`, while -110 and louder stay as they are."""
    written = np.float32([[-120.0, -110.0], [-110.5, np.nan], [-1.0, 20.0]])
    heard = make_recording([0.1, 0.2, 0.3], rssi_dbm=written).heard_dbm
    np.testing.assert_array_equal(np.float32([[np.nan, -110.0], [np.nan, np.nan], [-1.0, 20.0]]), heard)
