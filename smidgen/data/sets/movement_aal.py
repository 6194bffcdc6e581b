"""MovementAAL: will the user change room? Levels of 4 anchors along short walks (Bacciu et al. 2014,
DOI 10.1007/s00521-013-1364-4; UCI "Indoor User Movement Prediction from RSS data").

Layout of `movement_aal`:
    MovementAAL_RSS.zip                  dataset/MovementAAL_RSS_<id>.csv, 4 levels a step, 8 Hz
    MovementAAL_target.csv               sequence, +1 changes room or -1 stays
    MovementAAL_DatasetGroup.csv         sequence, environment 1..3
    MovementAAL_Paths.csv                sequence, path 1..6
Levels were rescaled to -1..1 by anchor, so they are no dBm and `rssi_codes` refuses them. The order of anchors and
rooms differs between environments: transfer to environment 1 is at or below chance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.archive import read_members
from smidgen.data.csv_table import read_text
from smidgen.data.examples import DBM, Examples
from smidgen.data.number_table import parse_numbers
from smidgen.data.protocols import LeaveOneOut, StratifiedFolds, Transfer
from smidgen.data.sets.folder import find_folder
from smidgen.errors import DataError
from smidgen.rssi import FAINTEST_DBM, SATURATED_DBM

FOLDER = "movement_aal"
ARCHIVE = "MovementAAL_RSS.zip"
ANCHORS = tuple(f"RSS_anchor{number}" for number in range(1, 5))
CLASSES = ("stays", "changes room")
STEP_S = 0.125

PROTOCOLS = {
    "homogeneous": StratifiedFolds(n=5),
    "heterogeneous": Transfer(by="environment", train=("1", "2"), test=("3",)),
    "leave-one-environment-out": LeaveOneOut(by="environment"),
}

_MEMBER = re.compile(r"(?:.*/)?MovementAAL_RSS_(\d+)\.csv")


def load_movement_aal(root: Path | str) -> Examples:
    """Return the walks by number, each (T, 4) in -1..1 at 8 Hz.

    Args: root, the folder that holds `movement_aal`, or that folder itself.
    Raises DataError for a missing or damaged file, a walk without label or environment or the other way round, a level
    outside -1..1.
    """
    folder = find_folder(root, FOLDER, holds=ARCHIVE, source="UCI, Indoor User Movement Prediction from RSS data")
    walks = _read_walks(folder / ARCHIVE)
    target = _read_column(folder, "target", "class_label", walks, allowed=(-1, 1))
    environment = _read_column(folder, "DatasetGroup", "dataset_ID", walks, allowed=range(1, 4))
    path = _read_column(folder, "Paths", "path_ID", walks, allowed=range(1, 7))
    return Examples(
        name=FOLDER,
        unit="levels rescaled to -1..1",
        features=ANCHORS,
        values=list(walks.values()),
        classes=CLASSES,
        label=(target > 0).astype(np.int16),
        group=np.array([str(number) for number in walks]),
        tags={"environment": environment.astype(np.str_), "path": path.astype(np.str_)},
        counts={"sequences": len(walks), "steps": sum(map(len, walks.values()))},
    )


def as_levels(examples: Examples) -> Examples:
    """Return walks whose levels, -1..1, are spread over what a radio front end reads, -110..-30 dBm.

    They remain relative: an anchor's -1 is the faintest that it ever heard. An anchor's levels in one environment lie
    about 1/22 apart, so whole dB lose less than the radio had lost before.
    """
    middle, half = (FAINTEST_DBM + SATURATED_DBM) / 2, (SATURATED_DBM - FAINTEST_DBM) / 2
    return replace(examples, unit=DBM, values=[middle + half * steps for steps in examples.values])


def _read_walks(archive: Path) -> dict[int, NDArray[np.float32]]:
    """Return the levels (T, 4) of each walk by its number, in order."""
    columns = (f"#{ANCHORS[0]}", *ANCHORS[1:])
    walks = {}
    for name, content in read_members(archive, ending=".csv"):
        where = f"{archive}: {name}"
        match = _MEMBER.fullmatch(name)
        if match is None:
            raise DataError(f"{where}: expected a name like MovementAAL_RSS_7.csv. Fetch the archive again.")
        levels = parse_numbers(content.decode("utf-8", errors="replace"), path=where, columns=columns)
        wrong = np.argwhere(np.abs(levels) > 1)
        if len(wrong):
            step, anchor = (int(i) for i in wrong[0])
            raise DataError(
                f"{where}:{step + 2}: expected a level rescaled to -1..1 in column {ANCHORS[anchor]}, found "
                f"{levels[step, anchor]:g}. This set holds no dBm: fetch the original."
            )
        walks[int(match[1])] = levels.astype(np.float32)
    return dict(sorted(walks.items()))


def _read_column(
    folder: Path, file: str, column: str, walks: Mapping[int, object], *, allowed: Collection[int]
) -> NDArray[np.int64]:
    """Return what a list says of each walk (n,), in the order of the walks; every walk must be in it, and no other."""
    path = folder / f"MovementAAL_{file}.csv"
    rows = parse_numbers(read_text(path), path=path, columns=("#sequence_ID", column))
    told = {int(number): int(value) for number, value in rows}
    unmatched = sorted(set(told) ^ set(walks))
    if unmatched:
        place = ARCHIVE if unmatched[0] in told else path.name
        raise DataError(
            f"{path}: {len(walks)} walks and {len(told)} lines; walk {unmatched[0]} is missing in {place}. Fetch the "
            "data set again."
        )
    for line, value in enumerate(rows[:, 1].tolist(), start=2):
        if value not in allowed:
            raise DataError(f"{path}:{line}: expected {column} to be one of {sorted(allowed)}, found {value:g}.")
    return np.array([told[number] for number in walks])
