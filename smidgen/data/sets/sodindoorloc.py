"""SODIndoorLoc: Wi-Fi fingerprints in three buildings (Bi et al. 2022, Satellite Navigation 3:25,
DOI 10.1186/s43020-022-00086-y).

`sodindoorloc/<building>/Training_*.csv.gz` and `Testing_*.csv.gz`: levels in dBm, 100 = not detected, then coordinates
in metres, floor, scene and who measured. What is worth asking differs by building, so the label does too:
CETC331 asks the floor (its scenes do not transfer from the training file: chance), SYL the scene, and HCXY, where there
is one floor and one scene, has positions only and no label to learn.
Repeated samples of one point in one file are a group. CETC331's 84 test points, and one of SYL's, also occur in the
training file, measured another time: it asks for the floor, so this is the data set's own protocol as published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import read_text
from smidgen.data.examples import DBM, Examples
from smidgen.data.number_table import parse_numbers
from smidgen.data.protocols import Transfer
from smidgen.data.sets.folder import find_folder
from smidgen.errors import ConfigError, DataError, nearest

FOLDER = "sodindoorloc"
NOT_HEARD = 100.0
ABOUT = ("ECoord", "NCoord", "FloorID", "BuildingID", "SceneID", "UserID", "PhoneID", "SampleTimes")
SCENES = {1: "corridor", 2: "office", 3: "meeting room"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """The files of one building, and the column that labels its fingerprints."""

    training: str
    testing: str
    label: str
    classes: Mapping[int, str]


BUILDINGS = {
    "CETC331": Building(
        training="Training_CETC331.csv.gz",
        testing="Testing_CETC331.csv.gz",
        label="FloorID",
        classes={1: "floor 1", 2: "floor 2", 3: "floor 3"},
    ),
    "SYL": Building(
        training="Training_SYL_AP_30.csv.gz", testing="Testing_SYL_AP.csv.gz", label="SceneID", classes=SCENES
    ),
    "HCXY": Building(
        training="Training_HCXY_AP_30.csv.gz", testing="Testing_HCXY_AP.csv.gz", label="FloorID", classes={4: "floor 4"}
    ),
}

PROTOCOLS = {"published": Transfer(by="file", train=("training",), test=("testing",))}


def load_sodindoorloc(root: Path | str, building: str) -> Examples:
    """Return one building's fingerprints, the training file first.

    Args: root, the folder that holds `sodindoorloc`, or that folder itself; building, one of BUILDINGS.
    Raises ConfigError for an unknown building, DataError with file and line for the first thing that is wrong.
    """
    if building not in BUILDINGS:
        raise ConfigError(f"no building is called {building!r}; {nearest(building, BUILDINGS)}")
    known = BUILDINGS[building]
    folder = find_folder(root, FOLDER, holds=building, source="github.com/renwudao24/SODIndoorLoc") / building
    texts = {"training": read_text(folder / known.training), "testing": read_text(folder / known.testing)}
    access_points = _access_points(texts["training"], folder / known.training)
    tables = [
        parse_numbers(text, path=folder / name, columns=(*access_points, *ABOUT))
        for text, name in zip(texts.values(), (known.training, known.testing), strict=True)
    ]
    rows = np.concatenate(tables)
    file = np.repeat(list(texts), [len(table) for table in tables])
    levels = rows[:, : -len(ABOUT)]
    about = dict(zip(ABOUT, rows[:, -len(ABOUT) :].T, strict=True))
    point = [f"{name}/{x:g}/{y:g}" for name, x, y in zip(file, about["ECoord"], about["NCoord"], strict=True)]
    return Examples(
        name=f"{FOLDER}/{building}",
        unit=DBM,
        features=access_points,
        values=list(np.where(levels == NOT_HEARD, np.nan, levels)[:, None].astype(np.float32)),
        classes=tuple(known.classes.values()),
        label=_label(about[known.label], known, folder),
        group=np.array(point),
        tags={"file": file, "phone": about["PhoneID"].astype(np.int64).astype(np.str_)},
        position_m=np.stack([about["ECoord"], about["NCoord"]], axis=1).astype(np.float32),
        counts={"rows_training": len(tables[0]), "rows_testing": len(tables[1])},
    )


def _access_points(text: str, path: Path) -> tuple[str, ...]:
    """Return the columns before those about the place; both files of a building must have the same."""
    header = [cell.strip() for cell in text.partition("\n")[0].split(",")]
    access_points = tuple(header[: -len(ABOUT)])
    if not access_points or not all(name.startswith("MAC") for name in access_points):
        raise DataError(f"{path}:1: expected columns MAC1, MAC2, ... before {ABOUT[0]}, found {header[0]!r} first.")
    return access_points


def _label(values: NDArray[np.float64], known: Building, folder: Path) -> NDArray[np.int16]:
    unknown = sorted(set(values.tolist()) - set(known.classes))
    if unknown:
        raise DataError(
            f"{folder}: expected {known.label} to be one of {', '.join(map(str, known.classes))}, found "
            f"{unknown[0]:g}. This is another edition of the data set."
        )
    return np.searchsorted(list(known.classes), values).astype(np.int16)
