"""Walks with a phone in five public buildings: Wi-Fi levels and inertial sensors (Yu 2022, "RTT Indoor localization
data set", MIT).

`rtt_rss_imu/<scene>/<circle>13.csv.gz` (phone M1) and `<circle>24.csv.gz` (M2): one line a ranging round, 2 to 5 Hz;
`ap_positions.csv` in metres. Positions only: a zone is a third of x by a half of y, over all lines of the scene.

Traps, and what is done:
- `APi True Distance (m)` is ground truth beside the features: it is read by nothing; a Recording has no place for it.
- A level of 0 means not heard. An access point placed at (10000, 10000) was not there.
- Ground truth is "[x, y]" in some scenes, two columns in others; in one scene both phones are headed M1, so the phone
  is told by the file's name.
- The same path is walked each circle: `PROTOCOLS` hold whole circles out, with both phones.
- One inertial sample a round is no step detector; acceleration is kept in g as a hint of motion.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import Table, parse_table, read_text
from smidgen.data.examples import DBM, Examples
from smidgen.data.protocols import LeaveOneOut
from smidgen.data.recording import Recording
from smidgen.data.samples import count_gaps
from smidgen.data.sets.folder import find_folder
from smidgen.errors import ConfigError, DataError, nearest

FOLDER = "rtt_rss_imu"
SCENES = {"canteen": 6, "car_park": 6, "conference_room": 8, "library": 6, "shopping_mall": 8}
"""Access points of each scene."""

NOT_HEARD = 0.0
ABSENT_M = 10_000.0
"""Coordinate given to an access point that was not set up."""

STANDARD_GRAVITY = 9.80665
WINDOW_ROWS = 5

PROTOCOLS = {"leave-one-circle-out": LeaveOneOut(by="circle")}

_NAME = re.compile(r"(\d+)(13|24)\.csv\.gz")
_PHONES = {"13": "M1", "24": "M2"}
_INERTIAL = (
    *(f"{sensor}{axis}" for sensor in ("Acc", "Gyro", "Mag") for axis in "XYZ"),
    *("Azimuth", "Pitch", "Roll"),
)
_POSITION = re.compile(r"\[\s*([-+.\deE]+)\s*,\s*([-+.\deE]+)\s*\]")


def load_rtt(root: Path | str, scene: str) -> list[Recording]:
    """Return the walks of one scene, by circle and phone; `room` is the zone, levels and acceleration the features.

    Args: root, the folder that holds `rtt_rss_imu`, or that folder itself; scene, one of SCENES.
    Raises ConfigError for an unknown scene, DataError with file and line for the first thing that is wrong.
    """
    if scene not in SCENES:
        raise ConfigError(f"no scene is called {scene!r}; {nearest(scene, SCENES)}")
    folder = find_folder(root, FOLDER, holds=scene, source="github.com/haiyaoyu/RTT-Indoor-localization-data-set")
    present = _present(folder / scene / "ap_positions.csv", SCENES[scene])
    files = {_circle_and_phone(path): path for path in (folder / scene).glob("*.csv.gz")}
    if not files:
        raise DataError(f"{folder / scene}: expected walks like 113.csv.gz, found none. Fetch the data set again.")
    tables = {walk: _read(path, SCENES[scene]) for walk, path in sorted(files.items())}
    positions = {walk: _positions(table) for walk, table in tables.items()}
    zones, room = _zones(list(positions.values()))
    return [
        _recording(table, f"rtt/{scene}", walk, present=present, zones=zones, room=zone)
        for (walk, table), zone in zip(tables.items(), room, strict=True)
    ]


def row_windows(recordings: Sequence[Recording], *, past_rows: int = 0) -> Examples:
    """Cut each walk into windows of WINDOW_ROWS lines, one after another, labelled by the zone of the middle one.

    Windows count lines, not seconds, as the protocol has it; a last window that is not full is dropped and counted.
    Groups are circles: both phones walk the same one.
    Args: past_rows, lines before a window that its example holds too, for a model with memory; fewer at the start.
    Raises DataError where scenes are mixed, ConfigError for a negative past.
    """
    if past_rows < 0:
        raise ConfigError(f"past_rows must not be negative, got {past_rows}")
    scenes = sorted({recording.home for recording in recordings})
    if len(scenes) != 1:
        raise DataError(f"windows of one scene at a time: got recordings of {', '.join(scenes) or 'none'}")
    values, label, circle, phone, left_over = [], [], [], [], 0
    for recording in recordings:
        starts = range(0, len(recording.time_s) - WINDOW_ROWS + 1, WINDOW_ROWS)
        values += [recording.rssi_dbm[max(start - past_rows, 0) : start + WINDOW_ROWS] for start in starts]
        label += [recording.room[start + WINDOW_ROWS // 2] for start in starts]
        circle += [recording.name.split("/")[2]] * len(starts)
        phone += [recording.subject] * len(starts)
        left_over += len(recording.time_s) % WINDOW_ROWS
    return Examples(
        name=scenes[0],
        unit=DBM,
        features=recordings[0].access_points,
        values=values,
        classes=recordings[0].rooms,
        label=np.array(label, dtype=np.int16),
        group=np.array(circle),
        tags={"circle": np.array(circle), "phone": np.array(phone)},
        counts={"rows_left_over": left_over},
    )


def _circle_and_phone(path: Path) -> tuple[int, str]:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataError(f"{path}: expected a name like 113.csv.gz, a circle and 13 or 24. Remove the file.")
    return int(match[1]), _PHONES[match[2]]


def _present(path: Path, n_access_points: int) -> tuple[bool, ...]:
    """Return which access points were set up."""
    table = parse_table(read_text(path).removeprefix("\ufeff"), path=path, columns=("", "x", "y"))
    names = [f"AP{number}" for number in range(1, n_access_points + 1)]
    if table.text("") != names:
        raise DataError(f"{path}: expected positions of {', '.join(names)}, found {', '.join(table.text(''))}.")
    return tuple(bool(x != ABSENT_M) for x in table.numbers("x"))


def _read(path: Path, n_access_points: int) -> Table:
    text = read_text(path)
    phone = text[:2] if text[:2] in _PHONES.values() else "M1"
    truth: tuple[str, ...] = (f"{phone} Ground Truth",)
    if f"{truth[0]}_x" in text.partition("\n")[0]:
        truth = (f"{truth[0]}_x", f"{truth[0]}_y", "user", "circle")
    by_access_point = [
        f"AP{number} {what}"
        for number in range(1, n_access_points + 1)
        for what in ("True Distance (m)", "RTT Distance (m)", "RTT std (m)", "RSS (dBm)")
    ]
    return parse_table(text, path=path, columns=(f"{phone} Time Stamp (ms)", *by_access_point, *_INERTIAL, *truth))


def _positions(table: Table) -> NDArray[np.float64]:
    """Return where each line was taken (n, 2), in metres."""
    truth = next(column for column in table.columns if "Ground Truth" in column)
    if truth.endswith("_x"):
        return np.stack([table.numbers(truth), table.numbers(truth.removesuffix("_x") + "_y")], axis=1)
    positions = []
    for row, cell in enumerate(table.text(truth)):
        match = _POSITION.fullmatch(cell.strip())
        if match is None:
            raise DataError(f"{table.at(row)}: expected a position like [1.5, -2] in column {truth}, found {cell!r}.")
        positions.append((float(match[1]), float(match[2])))
    return np.array(positions)


def _zones(positions: Sequence[NDArray[np.float64]]) -> tuple[tuple[str, ...], list[NDArray[np.int16]]]:
    """Return the names of the zones that anybody entered, and the zone of each line of each walk."""
    everywhere = np.concatenate(positions)
    third = np.quantile(everywhere[:, 0], [1 / 3, 2 / 3])
    half = np.quantile(everywhere[:, 1], [1 / 2])
    cells = [
        3 * np.searchsorted(half, p[:, 1], side="right") + np.searchsorted(third, p[:, 0], side="right")
        for p in positions
    ]
    entered = np.unique(np.concatenate(cells)).tolist()
    names = tuple(f"x {cell % 3 + 1}/3, y {cell // 3 + 1}/2" for cell in entered)
    return names, [np.searchsorted(entered, cell).astype(np.int16) for cell in cells]


def _recording(
    table: Table,
    scene: str,
    walk: tuple[int, str],
    *,
    present: tuple[bool, ...],
    zones: tuple[str, ...],
    room: NDArray[np.int16],
) -> Recording:
    circle, phone = walk
    names = tuple(f"AP{number + 1}" for number in range(len(present)))
    levels = np.stack([table.numbers(f"{name} RSS (dBm)") for name in names], axis=1)
    heard = (levels != NOT_HEARD) & np.array(present)
    acceleration = np.stack([table.numbers(f"Acc{axis}") for axis in "XYZ"], axis=1) / STANDARD_GRAVITY
    time_s = table.numbers(table.columns[0]) / 1000
    return Recording(
        name=f"{scene}/{circle}/{phone}",
        home=scene,
        subject=phone,
        time_s=time_s,
        rssi_dbm=np.where(heard, levels, np.nan).astype(np.float32),
        acceleration_g=acceleration.astype(np.float32),
        room=room,
        rooms=zones,
        access_points=names,
        present=present,
        counts={
            "rows": len(table),
            "levels_not_heard": int((~heard).sum()),
            "gaps": count_gaps(time_s),
        },
    )
