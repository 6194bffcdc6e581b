"""SPHERE Challenge recordings: wrist accelerometer and 4 access points at 20 Hz, 9 rooms (Twomey et al., 2016,
arXiv:1603.00797; data.bris 8gccwpx47rav19vk8x4xapcog).

Layout under the data folder:
    metadata/rooms.json                   the 9 room names; a label's index counts from 0 here
    train/00001/acceleration.csv.gz       t, x, y, z, Kitchen_AP, Lounge_AP, Upstairs_AP, Study_AP
    train/00001/location_0.csv            start, end, name, index of each room visit, first annotator
    train/00001/location_1.csv            the same by the second annotator, in some sequences
    train/00001/meta.json                 the recording's end
The traps, and what is done about each, are in docs/data.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import read_table, read_text
from smidgen.data.recording import UNLABELLED, Recording, not_on_map
from smidgen.data.samples import ACCELERATION, read_samples
from smidgen.data.splits import Split
from smidgen.errors import DataError

FOLDER = "sphere_challenge"
ACCESS_POINTS = ("Kitchen", "Lounge", "Upstairs", "Study")
EARLY = ("00001", "00002", "00003", "00004")
LATE = ("00007", "00008", "00009")
"""Sequences before the Lounge's access point went and the Study's came, and after."""
VISIT_COLUMNS = ("start", "end", "name", "index")

END_TOLERANCE_S = 5.0
"""How far the last row may lie from the end in meta.json; in the published sequences it lies 0.05 s before it."""


def load_sphere(root: Path | str) -> list[Recording]:
    """Return the labelled sequences, in order.

    Args: root, the folder that holds `sphere_challenge`, or that folder itself.
    Raises DataError with file, line, what was expected and what to do, for the first thing that is wrong.
    """
    return [load_sequence(folder) for folder in sequence_folders(root)]


def sensor_shift(recordings: Sequence[Recording]) -> tuple[Split[Recording], Split[Recording]]:
    """Return the labelled sequences parted by when an access point was replaced: early to late, and the reverse.

    Sequences 1 to 4 hear Kitchen, Lounge and Upstairs, 7 to 9 Kitchen, Upstairs and Study; 6, which lacks both, belongs
    to neither. Raises DataError where one side is missing.
    """
    early, late = (
        tuple(recording for recording in recordings if recording.name.rsplit("/", 1)[-1] in numbers)
        for numbers in (EARLY, LATE)
    )
    if not early or not late:
        raise DataError(
            f"the sensor shift parts sequences {EARLY[0]} to {EARLY[-1]} from {LATE[0]} to {LATE[-1]}; given were "
            f"{', '.join(recording.name for recording in recordings) or 'none'}"
        )
    return Split(name="early to late", train=early, test=late), Split(name="late to early", train=late, test=early)


def sequence_folders(root: Path | str) -> list[Path]:
    """Return the folders of the labelled sequences, in order; DataError where there is none."""
    root = Path(root)
    folder = next((f for f in (root / FOLDER, root) if (f / "train").is_dir()), None)
    found = sorted(f for f in (folder / "train").iterdir() if f.is_dir()) if folder else []
    if not found:
        raise DataError(
            f"{root}: expected the SPHERE Challenge recordings ({FOLDER}/train/00001/... and so on), found "
            f"{'an empty train folder' if folder else 'no train folder' if root.is_dir() else 'no such folder'}. "
            "Fetch the data set (DOI 10.5523/bris.8gccwpx47rav19vk8x4xapcog) and name the folder it lies in."
        )
    return found


def second_annotations(root: Path | str) -> list[tuple[Recording, Recording]]:
    """Return each sequence that two people annotated, with the rooms of the first and with those of the second.

    How far they agree bounds what any model can be scored at. Raises as `load_sphere`.
    """
    folders = [folder for folder in sequence_folders(root) if (folder / "location_1.csv").exists()]
    return [(load_sequence(folder), load_sequence(folder, annotator=1)) for folder in folders]


def load_sequence(folder: Path, *, annotator: int = 0) -> Recording:
    """Return one labelled sequence, from its folder under `train`; annotator 1 is there for some sequences only."""
    rooms = read_rooms(folder.parent.parent / "metadata" / "rooms.json")
    log = next((p for p in (folder / "acceleration.csv", folder / "acceleration.csv.gz") if p.exists()), None)
    if log is None:
        raise DataError(
            f"{folder}: expected acceleration.csv.gz, found neither it nor acceleration.csv. Fetch it again."
        )
    columns = tuple(f"{name}_AP" for name in ACCESS_POINTS)
    samples = read_samples(read_table(log, columns=("t", *ACCELERATION, *columns)), access_points=columns)
    _check_end(folder / "meta.json", log, float(samples.time_s[-1]))
    room, n_visits = _read_visits(folder / f"location_{annotator}.csv", rooms, samples.time_s)
    heard = np.count_nonzero(~np.isnan(samples.rssi_dbm), axis=0) > 0
    return Recording(
        name=f"sphere/{folder.name}",
        home="sphere",
        subject=folder.name,  # one participant a sequence; the data do not say who
        time_s=samples.time_s,
        rssi_dbm=samples.rssi_dbm,
        acceleration_g=samples.acceleration_g,
        room=room,
        rooms=rooms,
        access_points=ACCESS_POINTS,
        present=tuple(bool(h) for h in heard),
        counts={
            **samples.counts,
            "rows_outside_visits": int((room == UNLABELLED).sum()),
            "visits": n_visits,
            "access_points_absent": int((~heard).sum()),
        },
    )


def read_rooms(path: Path) -> tuple[str, ...]:
    rooms = _read_json(path)
    if not isinstance(rooms, list) or not rooms or not all(isinstance(name, str) for name in rooms):
        raise DataError(f"{path}: expected a list of room names, found {type(rooms).__name__}. Fetch it again.")
    return tuple(rooms)


def _check_end(path: Path, log: Path, last_s: float) -> None:
    """Refuse a log that stops long before the recording did: it was cut at the end of a line."""
    meta = _read_json(path)
    end_s = meta.get("end") if isinstance(meta, dict) else None
    if not isinstance(end_s, int | float):
        raise DataError(f"{path}: expected the recording's end in seconds under 'end', found {end_s!r}.")
    if abs(end_s - last_s) > END_TOLERANCE_S:
        raise DataError(
            f"{log}: expected rows up to {end_s:.3f} s (from {path.name}), the last is at {last_s:.3f} s. "
            "The file is truncated or belongs to another sequence: fetch it again."
        )


def _read_visits(path: Path, rooms: Sequence[str], time_s: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """Return the room (n,) of each row, a visit being [start, end), and the number of visits."""
    table = read_table(path, columns=VISIT_COLUMNS)
    start_s, end_s, index = (table.numbers(column) for column in ("start", "end", "index"))
    room = np.full(len(time_s), UNLABELLED, dtype=np.int16)
    for row, name in enumerate(table.text("name")):
        if name not in rooms:
            raise DataError(f"{table.at(row)}: {not_on_map(name, rooms)}")
        if rooms.index(name) != index[row]:
            raise DataError(
                f"{table.at(row)}: room '{name}' has index {rooms.index(name)} on the map, found {index[row]:g}."
            )
        if not start_s[row] < end_s[row]:
            raise DataError(
                f"{table.at(row)}: expected a visit to end after its start, found {start_s[row]:g}..{end_s[row]:g} s."
            )
        if row and start_s[row] < end_s[row - 1]:
            raise DataError(
                f"{table.at(row)}: the visit starts at {start_s[row]:g} s, before the one above ends "
                f"({end_s[row - 1]:g} s). One person is in one room at a time: correct the times, in order."
            )
        room[(time_s >= start_s[row]) & (time_s < end_s[row])] = rooms.index(name)
    return room, len(table)


def _read_json(path: Path) -> object:
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: expected JSON, found {error.msg}. Fetch it again.") from None
