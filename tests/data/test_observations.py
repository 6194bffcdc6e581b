import gzip
import json
import sys

import numpy as np
import pytest
from command_line import smidgen

from smidgen.data import UNLABELLED, load_observations, load_recording
from smidgen.errors import ConfigError, DataError

HEADER = "timestamp,anchor,rssi,ax,ay,az,room"
WALK = f"""{HEADER}
2026-03-01 08:00:00.00,hall,-71,0.5,0.25,1,kitchen
2026-03-01 08:00:00.00,bath,-84,0.5,0.25,1,
2026-03-01 08:00:00.00,hall,-60,,,,kitchen
2026-03-01 08:00:00.25,,,0.75,0,1,kitchen
2026-03-01 08:00:01.00,bath,-80,,,,
"""


def load(path):
    (recording,) = load_observations([path], home="mine", subject="me")
    return recording


def write(tmp_path, text, name="walk.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_lines_of_one_time_become_one_row(tmp_path):
    """Levels by anchor, the first where one repeats; the first acceleration of that time; the room named."""
    recording = load(write(tmp_path, WALK))
    assert (recording.name, recording.home, recording.subject) == ("mine/walk", "mine", "me")
    assert (recording.rooms, recording.access_points) == (("kitchen",), ("bath", "hall"))
    np.testing.assert_allclose([0, 0.25, 1.0], recording.time_s, atol=1e-6)
    nan = np.nan
    np.testing.assert_array_equal([[-84, -71], [nan, nan], [-80, nan]], recording.rssi_dbm)
    np.testing.assert_array_equal([[0.5, 0.25, 1], [0.75, 0, 1], [0.75, 0, 1]], recording.acceleration_g)
    assert recording.room.tolist() == [0, 0, UNLABELLED]
    assert dict(recording.counts) == {
        "lines": 5, "rows": 3, "levels_repeated": 1, "rows_unheard": 1, "rows_unlabelled": 1, "gaps": 0,
    }  # fmt: skip


def test_any_order_of_columns_and_either_clock_mean_the_same(tmp_path):
    """Seconds instead of dates, dates with an offset, no accelerometer, a byte order mark, gzip."""
    dated = load(write(tmp_path, WALK))
    lines = "room,rssi,timestamp,anchor\nkitchen,-71,100,hall\n,-84,100,bath\nkitchen,,100.25,\n,-80,101.0,bath\n"
    (tmp_path / "walk.csv.gz").write_bytes(gzip.compress(("\ufeff" + lines).encode()))
    counted = load(tmp_path / "walk.csv.gz")
    np.testing.assert_array_equal(dated.rssi_dbm, counted.rssi_dbm)
    assert counted.acceleration_g is None
    assert counted.room.tolist() == dated.room.tolist()
    np.testing.assert_allclose(dated.time_s, counted.time_s, atol=1e-6)
    moved = write(tmp_path, WALK.replace("08:00:01.00", "09:00:01.00+01:00"), "moved.csv")
    np.testing.assert_allclose(dated.time_s, load(moved).time_s, atol=1e-6)


def test_a_sample_holds_for_a_second(tmp_path):
    """Then it is lost; a file that loses more than a tenth is refused, as every recording is."""
    lines = [f"{i / 10},a,-50,{','.join('001') if i < 21 else ',,'},hall" for i in range(33)]
    acceleration = load(write(tmp_path, "\n".join((HEADER, *lines)) + "\n")).acceleration_g
    assert np.isnan(acceleration[:, 2]).tolist() == [False] * 31 + [True] * 2
    lines += [f"{i},a,-50,,,,hall" for i in range(4, 8)]
    with pytest.raises(DataError, match=r"6 of 37 times have no acceleration within 1 s before; at most 10%"):
        load(write(tmp_path, "\n".join((HEADER, *lines)) + "\n"))


def test_files_of_one_home_share_their_map(tmp_path):
    """Rooms and anchors of all files stand in each, so that one trains and the other tests."""
    other = write(tmp_path, "timestamp,anchor,rssi,room\n0,attic,-50,attic\n", "living.csv")
    recordings = load_observations([write(tmp_path, WALK), other], home="mine", subject="me")
    assert {r.rooms for r in recordings} == {("attic", "kitchen")}
    assert {r.access_points for r in recordings} == {("attic", "bath", "hall")}
    assert [r.present for r in recordings] == [(False, True, True), (True, False, False)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rssi", "level", "Missing: rssi; unknown: level"),
        ("ax,ay,az", "ax,ay,mz", "Missing: az; unknown: mz"),
        ("-84", "84", r"csv:3: expected a level of -127\.\.20 dBm in column rssi, found 84. Leave the line out"),
        ("-84", "loud", "csv:3: expected a number in column rssi, found 'loud'"),
        ("bath,-84", "bath,", "csv:3: found an anchor without its level"),
        ("bath,-84", ",-84", "csv:3: found a level without its anchor"),
        ("1,\n", "1,hall\n", "csv:3: found room 'hall' at a time that the lines above put in 'kitchen'"),
        ("08:00:01.00", "07:00:01.00", "csv:6: time goes backwards, from 2026-03-01 08:00:00.25 to 2026-03-01 07"),
        ("2026-03-01 08:00:01.00", "102", "csv:6: expected a timestamp, seconds or like .* found '102'"),
        ("0.75,0,1", "up,0,1", "csv:5: expected a number in column ax, found 'up'"),
        ("kitchen", "", "no line names a room"),
    ],
)  # fmt: skip
def test_a_malformed_table_is_refused_by_line(tmp_path, old, new, message):
    """Each fault has its message, with what to do."""
    with pytest.raises(DataError, match=message):
        load(write(tmp_path, WALK.replace(old, new)))


def test_files_that_are_no_tables_are_refused(tmp_path):
    """Another ending, two files of one name, nobody heard, a clock that is no number."""
    with pytest.raises(DataError, match=r"read from \.csv, \.csv\.gz or \.parquet, found '\.xlsx'"):
        load(tmp_path / "walk.xlsx")
    with pytest.raises(ConfigError, match="two files are called walk"):
        load_observations([tmp_path / "walk.csv", tmp_path / "walk.csv.gz"], home="mine", subject="me")
    with pytest.raises(DataError, match="no line names an anchor"):
        load(write(tmp_path, f"{HEADER}\n0,,,0,0,1,hall\n"))
    mute = write(tmp_path, f"{HEADER}\n0,,,0,0,1,hall\n", "mute.csv")
    with pytest.raises(DataError, match=r"mute\.csv: no line has a level"):
        load_observations([write(tmp_path, WALK), mute], home="mine", subject="me")
    with pytest.raises(DataError, match="csv:3: expected seconds in column timestamp, found 'nan'"):
        load(write(tmp_path, f"{HEADER}\n0,a,-50,,,,hall\nnan,a,-50,,,,hall\n"))


def test_parquet_without_its_reader_says_what_to_install(tmp_path, monkeypatch):
    """The reader is an extra: without it CSV still works and the message names both ways out."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'smidgen\[parquet\]', or write the table as CSV"):
        load(tmp_path / "walk.parquet")


def test_parquet_and_csv_mean_the_same(tmp_path):
    """Dates, floats and nulls read as their CSV does; a damaged table and other columns are refused."""
    pyarrow = pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    csv, parquet = pytest.importorskip("pyarrow.csv"), pytest.importorskip("pyarrow.parquet")
    expected = load(write(tmp_path, WALK))
    table = csv.read_csv(tmp_path / "walk.csv", convert_options=csv.ConvertOptions(strings_can_be_null=True))
    assert str(table.schema.field("timestamp").type).startswith("timestamp")
    parquet.write_table(table, tmp_path / "walk.parquet")
    found = load(tmp_path / "walk.parquet")
    for name in ("rssi_dbm", "acceleration_g", "room"):
        np.testing.assert_array_equal(getattr(expected, name), getattr(found, name))
    parquet.write_table(pyarrow.table({"timestamp": [1.0]}), tmp_path / "walk.parquet")
    with pytest.raises(DataError, match="expected the columns timestamp, anchor, rssi, room"):
        load(tmp_path / "walk.parquet")
    (tmp_path / "walk.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="expected a Parquet table, found none"):
        load(tmp_path / "walk.parquet")


def test_import_writes_recordings_that_load(tmp_path):
    """One file a table, named after it, with what was counted on stdout; a bad table leaves no folder."""
    outcome = smidgen("data", "import", write(tmp_path, WALK), "--home", "mine", "--out", tmp_path / "home", "--json")
    (told,) = json.loads(outcome.stdout)
    assert (outcome.status, told["name"], told["counts"]["lines"]) == (0, "mine/walk", 5)
    recording = load_recording(tmp_path / "home" / "walk.csv.gz")
    np.testing.assert_array_equal(load(tmp_path / "walk.csv").rssi_dbm, recording.rssi_dbm)
    bad = write(tmp_path, WALK.replace("-84", "84"), "bad.csv")
    refused = smidgen("data", "import", bad, "--out", tmp_path / "none")
    assert (refused.status, (tmp_path / "none").exists()) == (1, False)
    assert "bad.csv:3: expected a level" in refused.stderr
