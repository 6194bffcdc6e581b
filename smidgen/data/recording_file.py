"""One recording in one CSV file, `.csv` or `.csv.gz`: a line about it, then the columns of SPHERE's log and the room.

    # {"format": "smidgen recording 1", "name": "simulated/home-1/2", "rooms": ["hall", "kitchen"], ...}
    t,x,y,z,kitchen,living,room
    0.050021,0.944,-0.28,0.152,-79.0,,hall

t in seconds from the start, x, y, z in g (empty: lost), one column an access point in dBm (empty: not heard), room by
name (empty: unlabelled). Without an accelerometer there are no columns x, y, z. What is written reads back equal.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import Table, parse_table, read_text
from smidgen.data.recording import UNLABELLED, Recording, not_on_map
from smidgen.data.samples import ACCELERATION, read_samples
from smidgen.errors import DataError
from smidgen.whole_file import write_whole

FORMAT = "smidgen recording 1"
ABOUT = {
    "format": str,
    "name": str,
    "home": str,
    "subject": str,
    "rooms": list,
    "access_points": list,
    "present": list,
    "acceleration": bool,
    "counts": dict,
}
"""What the first line tells, and its JSON type."""


def save_recording(recording: Recording, path: Path) -> None:
    """Write a recording; the file appears whole or not at all, and the same recording gives the same bytes.

    Raises DataError for a name that ends neither in .csv nor in .csv.gz, and for a folder that cannot be written.
    """
    if not path.name.endswith((".csv", ".csv.gz")):
        raise DataError(f"{path}: a recording is written as .csv or .csv.gz, found the ending '{path.suffix}'.")
    about = {
        "format": FORMAT,
        "name": recording.name,
        "home": recording.home,
        "subject": recording.subject,
        "rooms": recording.rooms,
        "access_points": recording.access_points,
        "present": recording.present,
        "acceleration": recording.acceleration_g is not None,
        "counts": dict(recording.counts),
    }
    text = io.StringIO()
    text.write(f"# {json.dumps(about)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_columns(about, path))
    writer.writerows(np.concatenate(_cells(recording), axis=1).tolist())
    content = text.getvalue().encode("utf-8")
    _write(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def load_recording(path: Path) -> Recording:
    """Return the recording in a file.

    Raises DataError with file, line, what was expected and what to do, for the first thing that is wrong.
    """
    first, _, body = read_text(path).partition("\n")
    about = _read_about(first, path)
    table = parse_table(body, path=path, columns=_columns(about, path), first_line=2)
    samples = read_samples(table, access_points=about["access_points"])
    return Recording(
        name=about["name"],
        home=about["home"],
        subject=about["subject"],
        time_s=samples.time_s,
        rssi_dbm=samples.rssi_dbm,
        acceleration_g=samples.acceleration_g,
        room=_read_rooms(table, about["rooms"])[samples.kept],
        rooms=tuple(about["rooms"]),
        access_points=tuple(about["access_points"]),
        present=tuple(about["present"]),
        counts={**about["counts"], **samples.counts},
    )


def _columns(about: dict[str, Any], path: Path) -> tuple[str, ...]:
    columns = ("t", *(ACCELERATION if about["acceleration"] else ()), *about["access_points"], "room")
    if len(set(columns)) < len(columns) or set(ACCELERATION) & set(about["access_points"]):
        raise DataError(
            f"{path}: access points need names of their own, apart from t, x, y, z and room; got "
            f"{', '.join(about['access_points'])}. Rename them."
        )
    return columns


def _cells(recording: Recording) -> list[NDArray[np.str_]]:
    """Return the text (n, ...) of each group of columns; numbers are printed so that they read back exactly."""
    names = np.array([*recording.rooms, ""])  # UNLABELLED indexes the last
    groups = [recording.time_s[:, None], recording.acceleration_g, recording.rssi_dbm]
    numbers = [np.where(np.isnan(group), "", group.astype(np.str_)) for group in groups if group is not None]
    return [*numbers, names[recording.room][:, None]]


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise DataError(
            f"{path}: could not be written ({error.strerror}); nothing was left. Make the folder, or name another."
        ) from None


def _read_about(line: str, path: Path) -> dict[str, Any]:
    """Return what the first line tells, after checking that each entry is there and of its type."""
    try:
        about = json.loads(line.removeprefix("#")) if line.startswith("#") else None
    except json.JSONDecodeError:
        about = None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise DataError(
            f'{path}:1: expected a line # {{"format": "{FORMAT}", ...}}, found "{line[:60]}". Write recordings with '
            "`smidgen data simulate` or save_recording; SPHERE's files are loaded by their folder."
        )
    for key, kind in ABOUT.items():
        if not isinstance(about.get(key), kind):
            raise DataError(f"{path}:1: expected {key} of type {kind.__name__}, found {about.get(key)!r}.")
    return about


def _read_rooms(table: Table, rooms: list[str]) -> NDArray[np.int16]:
    """Return the room (n,) of each line, UNLABELLED where it is empty; refuse one that is not on the map."""
    index = {"": UNLABELLED, **{name: number for number, name in enumerate(rooms)}}
    names = table.text("room")
    for row, name in enumerate(names):
        if name not in index:
            raise DataError(f"{table.at(row)}: {not_on_map(name, rooms)}")
    return np.array([index[name] for name in names], dtype=np.int16)
