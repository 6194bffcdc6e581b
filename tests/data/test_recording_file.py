import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import make_recording

from smidgen.data import UNLABELLED
from smidgen.data.recording_file import load_recording, save_recording
from smidgen.errors import DataError


@st.composite
def odd_recordings(draw):
    """Recordings with any numbers a float32 holds, with and without accelerometer, labels and packets."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 40))
    rssi = np.where(rng.random((n, 2)) < 0.3, np.nan, rng.uniform(-127, 20, size=(n, 2))).astype(np.float32)
    rssi[0] = -70.0
    acceleration = None
    if draw(st.booleans()):
        acceleration = rng.normal(scale=4, size=(n, 3)).astype(np.float32)
    return make_recording(
        np.cumsum(rng.exponential(0.1, size=n)),
        rssi_dbm=rssi,
        acceleration_g=acceleration,
        room=rng.integers(UNLABELLED, 3, size=n).astype(np.int16),
        rooms=draw(st.sampled_from([("hall", "kitchen", "living"), ("café, ground floor", 'the "den"', "x")])),
        counts={"rows_lost_on_air": 3},
    )


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_what_is_written_reads_back_equal(tmp_path_factory, suffix):
    """Every number to its last bit, every label, name and count survive; the same recording gives the same bytes."""

    @given(recording=odd_recordings())
    def check(recording):
        path = tmp_path_factory.getbasetemp() / f"recording{suffix}"
        save_recording(recording, path)
        back = load_recording(path)
        for field in ("time_s", "rssi_dbm", "acceleration_g", "room"):
            expected, actual = getattr(recording, field), getattr(back, field)
            assert (expected is None) == (actual is None)
            if expected is not None:
                assert expected.dtype == actual.dtype
                np.testing.assert_array_equal(expected, actual)
        for field in ("name", "home", "subject", "rooms", "access_points", "present"):
            assert getattr(recording, field) == getattr(back, field)
        assert recording.counts.items() <= back.counts.items()
        first = path.read_bytes()
        save_recording(recording, path)
        assert first == path.read_bytes()

    check()


def good_lines():
    about = {
        "format": "smidgen recording 1",
        "name": "a/1",
        "home": "a",
        "subject": "x",
        "rooms": ["hall", "living"],
        "access_points": ["hall AP"],
        "present": [True],
        "acceleration": False,
        "counts": {},
    }
    return about, ["t,hall AP,room", "0.1,-70,hall", "0.2,,living", "0.3,-71,"]


def load(tmp_path, about, lines, first=None):
    path = tmp_path / "r.csv"
    path.write_text("\n".join([first or f"# {json.dumps(about)}", *lines]) + "\n")
    return load_recording(path)


def test_a_file_written_by_hand_loads(tmp_path):
    """The format is simple enough to be written by hand from its description."""
    recording = load(tmp_path, *good_lines())
    assert recording.room.tolist() == [0, 1, UNLABELLED]
    assert recording.acceleration_g is None
    np.testing.assert_array_equal([[-70], [np.nan], [-71]], recording.rssi_dbm)


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (1, "0.1,-70,hal", "r.csv:3: room 'hal' is not on the map; did you mean 'hall'?"),
        (1, "0.1,-70,garden", "room 'garden' is not on the map; choose from hall, living"),
        (2, "0.05,-70,hall", "r.csv:4: time goes backwards, from 0.100000 s to 0.050000 s"),
        (2, "0.2,strong,hall", "r.csv:4: expected a number in column hall AP, found 'strong'"),
        (2, "0.2,127,hall", "r.csv:4: expected a level of -127..20 dBm in column hall AP, found 127"),
        (0, "t,x,y,z,hall AP,room", "r.csv:2: expected the columns t,hall AP,room; found t,x,y,z,hall AP,room"),
    ],
)
def test_a_malformed_line_is_told_by_its_number(tmp_path, line, text, message):
    """Lines count from the top of the file, the line about the recording included."""
    about, lines = good_lines()
    lines[line] = text
    with pytest.raises(DataError, match=re.escape(message)):
        load(tmp_path, about, lines)


@pytest.mark.parametrize(
    "first", ["t,x,y,z,a,room", "# not json", '# {"format": "other"}', "# [1]", '{"format": "smidgen recording 1"}']
)
def test_a_file_of_another_kind_is_refused(tmp_path, first):
    """Whatever does not start with the line about the recording is refused, with what writes one."""
    with pytest.raises(DataError, match=r'r\.csv:1: expected a line # \{"format": "smidgen recording 1"'):
        load(tmp_path, {}, good_lines()[1], first=first)


@pytest.mark.parametrize(
    "key", ["name", "home", "subject", "rooms", "access_points", "present", "acceleration", "counts"]
)
def test_a_first_line_without_an_entry_is_refused(tmp_path, key):
    """Each entry of the first line is needed, and of its type."""
    about, lines = good_lines()
    with pytest.raises(DataError, match=f"r.csv:1: expected {key} of type .*, found 7"):
        load(tmp_path, about | {key: 7}, lines)


def test_an_access_point_named_like_a_column_is_refused(tmp_path):
    """Such a file could not be read back."""
    recording = make_recording([0.1], access_points=("x", "room"))
    with pytest.raises(DataError, match="access points need names of their own, apart from t, x, y, z and room"):
        save_recording(recording, tmp_path / "a.csv")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    """When the disk fills up in the middle, the file is as it was and no part of the new one is left."""
    path = tmp_path / "a.csv"
    save_recording(make_recording([0.1]), path)
    before = path.read_bytes()

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(DataError, match=r"could not be written \(No space left on device\); nothing was left"):
        save_recording(make_recording([0.1, 0.2]), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    assert before == path.read_bytes()


def test_places_that_cannot_be_written_are_refused(tmp_path):
    """A folder that is not there and an ending that is no CSV are told before anything is written."""
    recording = make_recording([0.1])
    with pytest.raises(DataError, match="could not be written"):
        save_recording(recording, tmp_path / "nowhere" / "a.csv")
    with pytest.raises(DataError, match=r"written as .csv or .csv.gz, found the ending '.parquet'"):
        save_recording(recording, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())
