"""Recordings of one's own, by folder or file, in either format; what is wrong is said with the file."""

import pytest

from smidgen.data import save_recording
from smidgen.data.own_recordings import load_own_recordings
from smidgen.data.simulate import simulate_home
from smidgen.errors import DataError

TABLE = "timestamp,anchor,rssi,room\n" + "".join(
    f"{second},{anchor},-60,{room}\n" for second in range(20) for anchor, room in (("hall", "kitchen"),)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two simulated recordings of one home."""
    folder = tmp_path_factory.mktemp("home")
    for day in range(2):
        save_recording(simulate_home(1).record(day, 60.0), folder / f"day-{day}.csv.gz")
    return folder


def test_a_folder_of_recordings_is_read_in_order(folder):
    """As their files are called; a single file is one recording."""
    assert [r.name for r in load_own_recordings(folder)] == ["simulated/home-1/0", "simulated/home-1/1"]
    assert [r.name for r in load_own_recordings(folder / "day-1.csv.gz")] == ["simulated/home-1/1"]


def test_tables_of_observations_are_one_home(tmp_path):
    """It is called as the folder is, and its recordings as the files."""
    home = tmp_path / "flat"
    home.mkdir()
    for day in ("monday", "tuesday"):
        (home / f"{day}.csv").write_text(TABLE)
    assert [r.name for r in load_own_recordings(home)] == ["flat/monday", "flat/tuesday"]


def test_formats_are_not_mixed(folder, tmp_path):
    """A table beside recordings would be of another home: import it first."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "monday.csv").write_text(TABLE)
    with pytest.raises(DataError, match=r"day-0.csv.gz is a recording, monday.csv a table .* `smidgen data import`"):
        load_own_recordings(tmp_path)


def test_what_holds_no_recordings_is_refused(tmp_path):
    """A missing path and an empty folder are told apart."""
    with pytest.raises(DataError, match=r"found nothing. Check the path"):
        load_own_recordings(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"expected files .csv, .csv.gz, .parquet, found none"):
        load_own_recordings(tmp_path)
