"""Unlabelled SPHERE sequences: rows and sensors as they are written, nothing invented, and what is wrong is told."""

import json
import os
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from smidgen.data import UNLABELLED, decide
from smidgen.data.sphere_unlabelled import load_sphere_unlabelled
from smidgen.errors import DataError

ROOMS = ["hall", "kitchen", "living"]
HEADER = "t,x,y,z,Kitchen_AP,Lounge_AP,Upstairs_AP,Study_AP"
DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[3] / "shared" / "data"))


def written(root: Path, **changed: list[str] | None) -> Path:
    """Write an archive of one sequence; `log` and `pir` are the lines of its files, None leaves a file out."""
    lines = {
        "log": [HEADER, *(f"{0.05 * (i + 1):.6f},0.1,0.2,0.98,-70.0,,-80.0," for i in range(200))],
        "pir": ["start,end,name,index", "0.5,3.0,kitchen,1", "6.0,6.5,living,2"],
    } | changed
    folder = root / "sphere_challenge"
    (folder / "metadata").mkdir(parents=True)
    (folder / "metadata" / "rooms.json").write_text(json.dumps(ROOMS))
    with zipfile.ZipFile(folder / "test_unlabelled.zip", "w") as archive:
        archive.writestr("test/00011/meta.json", "{}")
        for name, content in (("acceleration.csv", lines["log"]), ("pir.csv", lines["pir"])):
            if content is not None:
                archive.writestr(f"test/00011/{name}", "\n".join(content) + "\n")
    return root


def test_a_sequence_has_rows_and_no_room(tmp_path: Path) -> None:
    """Levels, present access points and name are as written; no decision can be asked of it, unless as if labelled."""
    (sequence,) = load_sphere_unlabelled(written(tmp_path))
    recording = sequence.recording
    assert (recording.name, recording.rooms) == ("sphere/unlabelled/00011", tuple(ROOMS))
    assert recording.present == (True, False, True, False)
    assert recording.rssi_dbm[7].tolist()[::2] == [-70.0, -80.0]
    assert set(recording.room.tolist()) == {UNLABELLED}
    assert len(decide(recording)) == 0
    assert decide(sequence.as_if_labelled).time_s.tolist() == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_a_sensor_speaks_for_the_intervals_in_which_it_fired(tmp_path: Path) -> None:
    """Kitchen from 0.5 to 3 s and living from 6 to 6.5 s: intervals that only touch an activation are without it."""
    (sequence,) = load_sphere_unlabelled(written(tmp_path))
    fired = sequence.fired(np.array([2.0, 4.0, 6.0, 8.0, 10.0]), hop_s=2.0)
    assert fired.astype(int).tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_a_sequence_without_a_radio_is_left_out_and_one_without_sensors_is_not(tmp_path: Path) -> None:
    """Logs of a header alone, or in which nothing was heard, occur in the published archive."""
    assert load_sphere_unlabelled(written(tmp_path / "a", log=[HEADER])) == []
    assert load_sphere_unlabelled(written(tmp_path / "b", log=[HEADER, "0.05,0.1,0.2,0.98,,,,"])) == []
    (sequence,) = load_sphere_unlabelled(written(tmp_path / "c", pir=["start,end,name,index"]))
    assert not sequence.fired(np.array([2.0, 4.0]), hop_s=2.0).any()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"log": None}, "expected test/NUMBER/acceleration.csv and so on in the archive, found none"),
        ({"pir": None}, "expected test/00011/pir.csv beside test/00011/acceleration.csv in the archive, found none"),
        ({"pir": ["start,end,name,index", "0.5,3.0,kitchn,1"]}, "pir.csv:2: room 'kitchn' is not on the map"),
        ({"log": [HEADER, "0.05,0.1,0.2,0.98,-700,,,"]}, "acceleration.csv:2: expected a level of"),
        ({"log": [HEADER, "0.05,0.1,0.2"]}, "acceleration.csv:2: expected 8 cells, found 3"),
    ],
)
def test_what_is_wrong_is_told_with_archive_and_line(tmp_path: Path, changed: dict, message: str) -> None:
    """Member and line, what was expected, and what to do."""
    with pytest.raises(DataError, match=re.escape(message)):
        load_sphere_unlabelled(written(tmp_path, **changed))


def test_a_folder_without_the_archive_is_refused(tmp_path: Path) -> None:
    """The message names the archive and where it comes from."""
    with pytest.raises(DataError, match=r"expected test_unlabelled\.zip .* found none\. Fetch the data set \(DOI"):
        load_sphere_unlabelled(tmp_path)


@pytest.mark.skipif(not (DATA / "sphere_challenge").is_dir(), reason=f"the SPHERE recordings are not in {DATA}")
def test_the_published_archive_is_read_whole() -> None:
    """856 of its 872 sequences hold levels; 7,327 decisions, in 3,237 of which a sensor fired."""
    sequences = load_sphere_unlabelled(DATA)
    moments = [decide(sequence.as_if_labelled).time_s for sequence in sequences]
    fired = [sequence.fired(time_s, hop_s=2.0) for sequence, time_s in zip(sequences, moments, strict=True)]
    assert (len(sequences), sum(map(len, moments))) == (856, 7327)
    assert int(np.concatenate(fired).any(axis=1).sum()) == 3237
