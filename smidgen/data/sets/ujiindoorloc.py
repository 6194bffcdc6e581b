"""UJIIndoorLoc: Wi-Fi fingerprints of 520 access points in three buildings (Torres-Sospedra et al. 2014, IPIN;
DOI 10.24432/C5MS59).

`ujiindoorloc/UJIIndoorLoc.zip`: trainingData.csv and validationData.csv, levels in dBm, 100 = not detected, then
longitude and latitude (Web Mercator), floor, building, space and who measured, with which phone.

Traps, and what is done:
- Space, relative position and user are 0 throughout the validation file: `task="space"` takes the training file only,
  and one that finds spaces in the validation file refuses it as another edition.
- One Mercator metre is 0.766 m on the ground there: positions are given in ground metres.
- Neighbouring scans of one user are alike: users are groups.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from smidgen.data.archive import read_text_member
from smidgen.data.examples import DBM, Examples
from smidgen.data.number_table import parse_numbers
from smidgen.data.protocols import GroupedFolds, Transfer
from smidgen.data.sets.folder import find_folder
from smidgen.errors import ConfigError, DataError

FOLDER = "ujiindoorloc"
ARCHIVE = "UJIIndoorLoc.zip"
FILES = {"training": "trainingData.csv", "validation": "validationData.csv"}
ACCESS_POINTS = tuple(f"WAP{number:03}" for number in range(1, 521))
ABOUT = (
    *("LONGITUDE", "LATITUDE", "FLOOR", "BUILDINGID", "SPACEID"),
    *("RELATIVEPOSITION", "USERID", "PHONEID", "TIMESTAMP"),
)
NOT_HEARD = 100.0
GROUND_METRES = math.cos(math.radians(39.9928))
"""Of one Mercator metre, at the campus's latitude."""

Task = Literal["floor", "space"]

PROTOCOLS = {
    "published": Transfer(by="file", train=("training",), test=("validation",)),
    "users": GroupedFolds(n=5),
}
"""`published` for floors; `users` for spaces, which only the training file knows."""


def load_ujiindoorloc(root: Path | str, *, task: Task = "floor") -> Examples:
    """Return the fingerprints, labelled by building and floor (both files), or by space (training file only).

    Args: root, the folder that holds `ujiindoorloc`, or that folder itself.
    Raises ConfigError for an unknown task, DataError with file and line for the first thing that is wrong.
    """
    if task not in get_args(Task):
        raise ConfigError(f"a task is one of {', '.join(get_args(Task))}; got {task!r}")
    archive = find_folder(root, FOLDER, holds=ARCHIVE, source="DOI 10.24432/C5MS59") / ARCHIVE
    tables = {name: _read(archive, member) for name, member in FILES.items() if task == "floor" or name == "training"}
    if "validation" in tables:
        _check_hidden(archive, tables["validation"])
    rows = np.concatenate(list(tables.values()))
    file = np.repeat(list(tables), [len(table) for table in tables.values()])
    levels = rows[:, : len(ACCESS_POINTS)]
    about = dict(zip(ABOUT, rows[:, len(ACCESS_POINTS) :].T, strict=True))
    columns = ("BUILDINGID", "FLOOR") if task == "floor" else ("BUILDINGID", "FLOOR", "SPACEID")
    places, label = np.unique(np.stack([about[column] for column in columns], axis=1), axis=0, return_inverse=True)
    names = ("building", "floor", "space")
    return Examples(
        name=f"{FOLDER}/{task}",
        unit=DBM,
        features=ACCESS_POINTS,
        values=list(np.where(levels == NOT_HEARD, np.nan, levels)[:, None].astype(np.float32)),
        classes=tuple(" ".join(f"{w} {v:g}" for w, v in zip(names, place, strict=False)) for place in places),
        label=label.astype(np.int16),
        group=np.array([f"{name}/{user:g}" for name, user in zip(file, about["USERID"], strict=True)]),
        tags={
            "file": file,
            "building": about["BUILDINGID"].astype(np.int64).astype(np.str_),
            "user": about["USERID"].astype(np.int64).astype(np.str_),
            "phone": about["PHONEID"].astype(np.int64).astype(np.str_),
        },
        position_m=_ground(about["LONGITUDE"], about["LATITUDE"]),
        counts={
            **{f"rows_{name}": len(table) for name, table in tables.items()},
            "rows_unheard": int((levels == NOT_HEARD).all(axis=1).sum()),
            "rows_repeated_in_training": len(tables["training"]) - len(np.unique(tables["training"], axis=0)),
        },
    )


def _read(archive: Path, member: str) -> NDArray[np.float64]:
    return parse_numbers(
        read_text_member(archive, member), path=f"{archive}: {member}", columns=(*ACCESS_POINTS, *ABOUT)
    )


def _check_hidden(archive: Path, validation: NDArray[np.float64]) -> None:
    """Refuse a validation file that tells spaces: it is not the published one, and the protocol may not hold."""
    spaces = validation[:, len(ACCESS_POINTS) + ABOUT.index("SPACEID")]
    told = np.flatnonzero(spaces)
    if len(told):
        raise DataError(
            f"{archive}: {FILES['validation']}:{told[0] + 2}: expected SPACEID 0, as the published file hides it, "
            f"found {spaces[told[0]]:g}. Fetch the original archive."
        )


def _ground(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return positions (n, 2) in metres on the ground, from the south-west corner of all."""
    mercator = np.stack([longitude, latitude], axis=1)
    ground: NDArray[np.float32] = ((mercator - mercator.min(axis=0)) * GROUND_METRES).astype(np.float32)
    return ground
