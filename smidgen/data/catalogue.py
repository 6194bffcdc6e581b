"""Which data sets there are, whether they are here, and what is wrong with the recordings under a path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smidgen.data.decisions import decide
from smidgen.data.recording import UNLABELLED, Recording
from smidgen.data.recording_file import load_recording
from smidgen.data.sphere import FOLDER, load_sequence, sequence_folders
from smidgen.data.spoken_digits import count_spoken_digits
from smidgen.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """A data set by the name that verbs know it under."""

    name: str
    about: str
    count: Callable[[Path], int] | None  # recordings under the data root, 0 where it is not here; None: needs no files


def _count_sequences(root: Path) -> int:
    try:
        return len(sequence_folders(root))
    except DataError:
        return 0


DATA_SETS = (
    DataSet(
        name="simulated",
        about="homes drawn from a seed: 7 rooms, 4 access points",
        count=None,
    ),
    DataSet(
        name="sphere",
        about="a real house, SPHERE Challenge: 9 rooms, 4 access points",
        count=_count_sequences,
    ),
    DataSet(
        name="spoken-digits",
        about="Free Spoken Digit Dataset: 10 digits, 6 speakers, the keyword spotter's benchmark",
        count=count_spoken_digits,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Check:
    """What came of loading one recording: the recording, or the problem that prevents it."""

    name: str
    recording: Recording | None
    problem: str | None

    def record(self) -> dict[str, object]:
        """Return what a person or a machine wants to know, JSON-ready."""
        if self.recording is None:
            return {"name": self.name, "problem": self.problem}
        r = self.recording
        seen = np.unique(r.room[r.room != UNLABELLED])
        heard = np.count_nonzero(~np.isnan(r.rssi_dbm), axis=0) / len(r.time_s)
        return {
            "name": r.name,
            "problem": None,
            "duration_s": round(r.duration_s, 3),
            "rooms_visited": [r.rooms[index] for index in seen],
            "heard_share": {
                name: round(float(share), 3) if here else None
                for name, share, here in zip(r.access_points, heard, r.present, strict=True)
            },
            "counts": {**r.counts, **decide(r).counts},
        }


def check_path(path: Path) -> list[Check]:
    """Load every recording under a path and say for each what it holds or why it cannot be loaded.

    Args: path, a recording file, a folder of them, or a folder in SPHERE's layout.
    Raises DataError where there is nothing that could be a recording.
    """
    if not path.exists():
        raise DataError(f"{path}: expected a recording or a folder of recordings, found nothing. Check the path.")
    if path.is_file():
        return [_check(path, load_recording)]
    files = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
    if files:
        return [_check(file, load_recording) for file in files]
    if not any((folder / "train").is_dir() for folder in (path, path / FOLDER)):
        raise DataError(
            f"{path}: expected recordings (.csv, .csv.gz) or {FOLDER}/train/, found neither. Name a recording, the "
            "folder it lies in, or the folder of a data set (`smidgen data list`)."
        )
    return [_check(folder, load_sequence) for folder in sequence_folders(path)]


def _check(path: Path, load: Callable[[Path], Recording]) -> Check:
    try:
        recording = load(path)
    except DataError as error:
        return Check(name=path.name, recording=None, problem=str(error))
    return Check(name=recording.name, recording=recording, problem=None)
