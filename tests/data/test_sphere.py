import gzip
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import UNLABELLED, decide
from smidgen.data.sphere import load_sphere, sensor_shift
from smidgen.errors import DataError

ROOMS = ["hall", "kitchen", "living"]
HEADER = "t,x,y,z,Kitchen_AP,Lounge_AP,Upstairs_AP,Study_AP"
N_ROWS = 200
DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[3] / "shared" / "data"))


class Sequence:
    """One small sequence in SPHERE's layout, written with whatever lines a test puts into it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "sphere_challenge" / "train" / "00001"
        self.log = [HEADER, *(f"{0.05 * (i + 1):.6f},0.1,0.2,0.98,-70.0,,-80.0," for i in range(N_ROWS))]
        self.visits = ["start,end,name,index", "0.5,4.0,hall,0", "4.0,6.5,kitchen,1", "7.0,9.9,living,2"]
        self.rooms = json.dumps(ROOMS)
        self.meta = json.dumps({"annotators": [1], "start": 0, "end": 0.05 * N_ROWS})

    def write(self) -> Path:
        self.folder.mkdir(parents=True)
        metadata = self.folder.parents[1] / "metadata"
        metadata.mkdir()
        (metadata / "rooms.json").write_text(self.rooms)
        (self.folder / "meta.json").write_text(self.meta)
        (self.folder / "location_0.csv").write_text("\n".join(self.visits) + "\n")
        (self.folder / "acceleration.csv.gz").write_bytes(gzip.compress(("\n".join(self.log) + "\n").encode()))
        return self.folder.parents[2]


@pytest.fixture
def sequence(tmp_path):
    return Sequence(tmp_path)


def refuses(root, message):
    """Assert that loading fails with a message that holds `message`."""
    with pytest.raises(DataError, match=re.escape(message)):
        load_sphere(root)


def test_a_sequence_becomes_a_recording(sequence):
    """Rows, rooms by visit [start, end), present access points and counts are as written."""
    root = sequence.write()
    (recording,) = load_sphere(root)
    assert (recording.name, recording.rooms) == ("sphere/00001", tuple(ROOMS))
    assert recording.access_points == ("Kitchen", "Lounge", "Upstairs", "Study")
    assert recording.present == (True, False, True, False)
    assert recording.rssi_dbm[7].tolist()[::2] == [-70.0, -80.0]
    assert recording.acceleration_g[7].tolist() == np.float32([0.1, 0.2, 0.98]).tolist()
    asked = np.array([0.3, 0.55, 3.95, 4.0, 6.45, 6.7, 7.0, 9.95])
    assert recording.room_at(asked).tolist() == [UNLABELLED, 0, 0, 1, 1, UNLABELLED, 2, UNLABELLED]
    assert recording.counts == {
        "rows": N_ROWS,
        "rows_repeating_a_time": 0,
        "rows_without_acceleration": 0,
        "rows_unheard": 0,
        "gaps": 0,
        "rows_outside_visits": 22,
        "visits": 3,
        "access_points_absent": 2,
    }
    assert load_sphere(root / "sphere_challenge")[0].name == recording.name


def test_odd_rows_are_counted(sequence):
    """A repeated time is dropped; lost samples and unheard rows are kept; these and gaps are counted."""
    del sequence.log[101:141]
    sequence.log[11] = sequence.log[10]
    sequence.log[20] = "1.000000,,nan,0.98,-70.0,,,"
    sequence.log[30] = "1.500000,0.1,0.2,0.98,,,,"
    (recording,) = load_sphere(sequence.write())
    assert len(recording.time_s) == N_ROWS - 41
    assert np.isnan(recording.acceleration_g).any(axis=1).sum() == 1
    for key, expected in {
        "rows": N_ROWS - 40,
        "rows_repeating_a_time": 1,
        "rows_without_acceleration": 1,
        "rows_unheard": 1,
        "gaps": 1,
    }.items():
        assert expected == recording.counts[key]


def test_the_sensor_shift_parts_early_from_late():
    """1 to 4 against 7 to 9 and the reverse; 6 is on neither side; a missing side is told."""
    recordings = [make_recording(every(1.0, 10.0), name=f"sphere/0000{number}") for number in (1, 2, 6, 7, 9)]
    forward, backward = sensor_shift(recordings)
    assert [recording.name[-1] for recording in forward.train] == ["1", "2"]
    assert [recording.name[-1] for recording in forward.test] == ["7", "9"]
    assert (forward.name, backward.name) == ("early to late", "late to early")
    assert (backward.train, backward.test) == (forward.test, forward.train)
    with pytest.raises(DataError, match="parts sequences 00001 to 00004 from 00007 to 00009; given were sphere/00001"):
        sensor_shift(recordings[:3])


def test_missing_folder(tmp_path):
    """Each way of naming a folder that does not hold the data says what was expected and where to get it."""
    refuses(tmp_path / "nowhere", "expected the SPHERE Challenge recordings (sphere_challenge/train/00001/")
    refuses(tmp_path / "nowhere", "found no such folder. Fetch the data set (DOI 10.5523/bris.")
    refuses(tmp_path, "found no train folder")
    (tmp_path / "train").mkdir()
    refuses(tmp_path, "found an empty train folder")


@pytest.mark.parametrize("name", ["meta.json", "location_0.csv", "acceleration.csv.gz", "../../metadata/rooms.json"])
def test_missing_file(sequence, name):
    """A sequence without one of its files is refused by the file's name."""
    root = sequence.write()
    (sequence.folder / name).unlink()
    refuses(root, Path(name).name)


def test_malformed_line(sequence):
    """A cell that is no number is told by file, line and column."""
    sequence.log[50] = "2.5,0.1,oops,0.98,-70.0,,-80.0,"
    refuses(sequence.write(), "acceleration.csv.gz:51: expected a number in column y, found 'oops'")


def test_truncated_at_a_cell(sequence):
    """A log cut in the middle of a line is told as truncated, with the line."""
    sequence.log[-1] = sequence.log[-1][:20]
    refuses(sequence.write(), f"acceleration.csv.gz:{N_ROWS + 1}: expected 8 cells, found 4. The file is truncated")


def test_truncated_gzip(sequence):
    """A packed log that was cut is told as truncated."""
    root = sequence.write()
    log = sequence.folder / "acceleration.csv.gz"
    log.write_bytes(log.read_bytes()[:-50])
    refuses(root, "acceleration.csv.gz: the gzip data is truncated or damaged")


def test_truncated_at_a_line(sequence):
    """A log cut between two lines is found out by the end that meta.json tells."""
    del sequence.log[80:]
    refuses(
        sequence.write(), "expected rows up to 10.000 s (from meta.json), the last is at 3.950 s. The file is trunc"
    )


def test_truncated_visits(sequence):
    """Visits cut in the middle of a line are told as truncated."""
    root = sequence.write()
    visits = sequence.folder / "location_0.csv"
    visits.write_text(visits.read_text()[:-6])
    refuses(root, "location_0.csv:4: expected 4 cells, found 3. The file is truncated")


def test_wrong_columns(sequence):
    """A log with another header is refused with what is missing and what is unknown."""
    sequence.log[0] = HEADER.replace("Lounge_AP", "Garden_AP")
    refuses(sequence.write(), "Missing: Lounge_AP; unknown: Garden_AP.")


def test_label_outside_the_map(sequence):
    """A room that is not on the map is refused by line, with the nearest that is."""
    sequence.visits[2] = "4.0,6.5,kichen,1"
    refuses(
        sequence.write(),
        "location_0.csv:3: room 'kichen' is not on the map; did you mean 'kitchen'?",
    )


def test_label_whose_index_is_another_room(sequence):
    """Name and index of a label must agree with the map."""
    sequence.visits[2] = "4.0,6.5,kitchen,2"
    refuses(sequence.write(), "location_0.csv:3: room 'kitchen' has index 1 on the map, found 2")


def test_nan_storm_of_the_accelerometer(sequence):
    """When more than a tenth of the samples are not finite, the log is refused with how many and where it starts."""
    for row in range(100, 100 + N_ROWS // 5):
        sequence.log[row] = f"{0.05 * row:.6f},nan,nan,inf,-70.0,,-80.0,"
    refuses(
        sequence.write(), "expected finite x, y, z; 40 of 200 lines (20%) have none, the first at line 101; at most 10%"
    )


def test_nan_storm_of_the_radio(sequence):
    """A log in which no access point ever heard anything is refused."""
    sequence.log[1:] = [line.replace("-70.0", "").replace("-80.0", "nan") for line in sequence.log[1:]]
    refuses(sequence.write(), "expected levels in columns Kitchen_AP, Lounge_AP, Upstairs_AP, Study_AP; all 200 lines")


def test_a_level_that_no_radio_reports(sequence):
    """A level outside -127..20 dBm is refused by line: 127 is no level but the code for not heard."""
    sequence.log[9] = "0.45,0.1,0.2,0.98,127,,-80.0,"
    refuses(
        sequence.write(), "acceleration.csv.gz:10: expected a level of -127..20 dBm in column Kitchen_AP, found 127"
    )


def test_time_going_backwards(sequence):
    """A clock that was reset is refused with the line, both times and how often it happens."""
    sequence.log[120] = "1.0,0.1,0.2,0.98,-70.0,,-80.0,"
    refuses(
        sequence.write(),
        "acceleration.csv.gz:121: time goes backwards, from 5.950000 s to 1.000000 s (1 times in the file)",
    )


@pytest.mark.parametrize("time", ["nan", "-1.0", "inf"])
def test_time_that_is_no_time(sequence, time):
    """A time that is negative or not finite is refused by line."""
    sequence.log[3] = f"{time},0.1,0.2,0.98,-70.0,,-80.0,"
    refuses(sequence.write(), "acceleration.csv.gz:4: expected seconds from the start of the recording in column t")


def test_overlapping_visits(sequence):
    """One person is in one room at a time."""
    sequence.visits[3] = "6.0,9.9,living,2"
    refuses(
        sequence.write(), "location_0.csv:4: the visit starts at 6 s, before the one above ends (6.5 s). One person"
    )


def test_visit_that_ends_before_it_starts(sequence):
    """A visit of no length is refused by line."""
    sequence.visits[1] = "4.0,0.5,hall,0"
    refuses(sequence.write(), "location_0.csv:2: expected a visit to end after its start, found 4..0.5 s")


@pytest.mark.parametrize(
    ("rooms", "message"),
    [("[1, 2]", "expected a list of room names, found list"), ("{", "rooms.json:1: expected JSON, found Expecting")],
)
def test_map_that_is_no_map(sequence, rooms, message):
    """Metadata that is no list of names, or no JSON, is refused."""
    sequence.rooms = rooms
    refuses(sequence.write(), message)


def test_meta_without_an_end(sequence):
    """Without the recording's end a cut log could not be told from a whole one."""
    sequence.meta = "{}"
    refuses(sequence.write(), "expected the recording's end in seconds under 'end', found None")


@pytest.mark.skipif(not (DATA / "sphere_challenge").is_dir(), reason=f"no SPHERE recordings under {DATA}")
def test_the_published_recordings_load_whole():
    """The 8 sequences hold the rows, access points and rooms that their README lists, and 6058 decisions are scored."""
    recordings = load_sphere(DATA)
    assert [r.name[-1] for r in recordings] == list("12346789")
    assert sum(len(r.time_s) for r in recordings) == 237_295
    present = ["".join(ap[0] for ap, here in zip(r.access_points, r.present, strict=True) if here) for r in recordings]
    assert present == ["KLU", "KLU", "KLU", "KLU", "KU", "KUS", "KUS", "KUS"]
    assert {name for r in recordings for name in np.array(r.rooms)[np.unique(r.room[r.room >= 0])]} == set(
        recordings[0].rooms
    )
    labels = np.concatenate([decide(r).label for r in recordings])
    assert np.bincount(labels).tolist() == [576, 128, 1257, 116, 1292, 2221, 203, 17, 248]
    half_rate = recordings[4]
    assert (len(half_rate.time_s), half_rate.counts["gaps"]) == (17_500, 71)
