"""Your own recordings: long tables of observations, CSV or Parquet, one line a packet heard by one anchor.

    timestamp,anchor,rssi,ax,ay,az,room
    2026-03-01 08:00:00.05,hall,-71,0.02,-0.11,0.98,kitchen
    2026-03-01 08:00:00.05,bath,-84,0.02,-0.11,0.98,kitchen
    2026-03-01 08:00:00.25,,,0.03,-0.10,0.99,kitchen

timestamp: ISO 8601, or seconds from any start; lines in order of time, those of one time are one row of the recording.
anchor and rssi (dBm): both empty where a line has acceleration only; an anchor that heard nothing has no line.
ax, ay, az (g): all three columns or none; empty where no sample was taken: the last one holds for up to a second.
room: by name, empty where nobody noted it. Columns may stand in any order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import Table, parse_table, read_text
from smidgen.data.recording import RSSI_RANGE_DBM, UNLABELLED, Recording
from smidgen.data.samples import MAX_LOST_ACCELERATION, count_gaps
from smidgen.errors import ConfigError, DataError

COLUMNS = ("timestamp", "anchor", "rssi", "room")
ACCELERATION = ("ax", "ay", "az")

HOLD_S = 1.0
"""How long a sample of the accelerometer speaks for rows of the radio after it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Observations:
    """One file: its lines, and the row of the recording that each belongs to."""

    table: Table
    time_s: NDArray[np.float64]  # (n,) of each row, from 0
    row: NDArray[np.intp]  # (lines,)


def load_observations(paths: Sequence[Path], *, home: str, subject: str) -> list[Recording]:
    """Return one recording a file, all with the rooms and anchors that occur in any of them, in order of name.

    Args: paths, files `.csv`, `.csv.gz` or `.parquet` (which needs the extra `parquet`) of one home and person.
    Raises DataError with file and line for the first thing that is wrong, ConfigError for two files of one name.
    """
    names = [path.name.split(".")[0] for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"two files are called {twice[0]}: a recording is named after its file. Rename one.")
    files = [_group(_read(path)) for path in paths]
    rooms = sorted({room for file in files for room in file.table.text("room")} - {""})
    anchors = sorted({anchor for file in files for anchor in file.table.text("anchor")} - {""})
    if not anchors:
        raise DataError(f"{', '.join(map(str, paths))}: no line names an anchor. Without a radio there is no place.")
    if not rooms:
        raise DataError(
            f"{', '.join(map(str, paths))}: no line names a room, so there is nothing to learn. Note the room on the "
            "lines of a calibration walk."
        )
    return [
        _recording(file, name=f"{home}/{name}", home=home, subject=subject, rooms=rooms, anchors=anchors)
        for file, name in zip(files, names, strict=True)
    ]


def _read(path: Path) -> Table:
    if path.suffix == ".parquet":
        return _checked_columns(_read_parquet(path))
    if not path.name.endswith((".csv", ".csv.gz")):
        raise DataError(f"{path}: observations are read from .csv, .csv.gz or .parquet, found '{path.suffix}'.")
    text = read_text(path).removeprefix("\ufeff")
    header = tuple(cell.strip() for cell in text.partition("\n")[0].split(","))
    in_order = header if _complete(header) else (*COLUMNS[:3], *ACCELERATION, COLUMNS[3])
    return parse_table(text, path=path, columns=in_order)


def _complete(columns: Sequence[str]) -> bool:
    return len(columns) == len(set(columns)) and set(columns) in ({*COLUMNS}, {*COLUMNS, *ACCELERATION})


def _checked_columns(table: Table) -> Table:
    if not _complete(table.columns):
        raise DataError(
            f"{table.path}: expected the columns {', '.join(COLUMNS)}, and {', '.join(ACCELERATION)} or none of them; "
            f"found {', '.join(table.columns)}. Rename or drop columns."
        )
    return table


def _read_parquet(path: Path) -> Table:
    """Return a Parquet table as text, so that it is checked as CSV is; rows count as lines from 1."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ConfigError(
            f"{path}: reading Parquet needs pyarrow, which is not installed. Run pip install 'smidgen[parquet]', or "
            "write the table as CSV."
        ) from None
    try:
        columns: Mapping[str, list[object]] = parquet.read_table(path).to_pydict()
    except (OSError, ArrowException) as error:
        raise DataError(f"{path}: expected a Parquet table, found none ({error}). Write it again.") from None
    cells = [["" if cell is None else str(cell) for cell in column] for column in columns.values()]
    rows = tuple(zip(*cells, strict=True))
    if not rows:
        raise DataError(f"{path}: expected at least one row, found none.")
    return Table(path=path, columns=tuple(columns), rows=rows, first_line=1)


def _group(table: Table) -> _Observations:
    """Return the lines by time; refuse a clock that goes backwards."""
    seconds = _seconds(table)
    back = np.flatnonzero(np.diff(seconds) < 0)
    if len(back):
        cells = table.text("timestamp")
        raise DataError(
            f"{table.at(int(back[0]) + 1)}: time goes backwards, from {cells[back[0]]} to {cells[back[0] + 1]}. Sort "
            "the lines, or cut the file where its clock was reset."
        )
    time_s, row = np.unique(seconds - seconds[0], return_inverse=True)
    return _Observations(table=table, time_s=time_s, row=row)


def _seconds(table: Table) -> NDArray[np.float64]:
    """Return the time of each line in seconds, on the file's own clock: all numbers, or all dates."""
    cells = table.text("timestamp")
    try:
        float(cells[0])
    except ValueError:
        return np.array([_date(table, row, cell) for row, cell in enumerate(cells)])
    seconds = table.numbers("timestamp")
    if not np.isfinite(seconds).all():
        row = int(np.flatnonzero(~np.isfinite(seconds))[0])
        raise DataError(f"{table.at(row)}: expected seconds in column timestamp, found {cells[row]!r}.")
    return seconds


def _date(table: Table, row: int, cell: str) -> float:
    """Return a date in seconds; one without an offset is read as UTC, since only differences count."""
    try:
        date = datetime.fromisoformat(cell)
    except ValueError:
        raise DataError(
            f"{table.at(row)}: expected a timestamp, seconds or like 2026-03-01 08:00:00.05, found {cell!r}. Use one "
            "form in all lines."
        ) from None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _recording(
    file: _Observations, *, name: str, home: str, subject: str, rooms: Sequence[str], anchors: Sequence[str]
) -> Recording:
    levels, repeated = _levels(file, anchors)
    room = _rooms(file, rooms)
    return Recording(
        name=name,
        home=home,
        subject=subject,
        time_s=file.time_s,
        rssi_dbm=levels,
        acceleration_g=_acceleration(file) if ACCELERATION[0] in file.table.columns else None,
        room=room,
        rooms=tuple(rooms),
        access_points=tuple(anchors),
        present=tuple(not np.isnan(column).all() for column in levels.T),
        counts={
            "lines": len(file.table),
            "rows": len(file.time_s),
            "levels_repeated": repeated,
            "rows_unheard": int(np.isnan(levels).all(axis=1).sum()),
            "rows_unlabelled": int((room == UNLABELLED).sum()),
            "gaps": count_gaps(file.time_s),
        },
    )


def _levels(file: _Observations, anchors: Sequence[str]) -> tuple[NDArray[np.float32], int]:
    """Return the levels (rows, anchors), the first where an anchor repeats, and how many repeat."""
    table = file.table
    rssi = table.numbers("rssi", may_be_empty=True)
    index = {anchor: number for number, anchor in enumerate(anchors)}
    levels = np.full((len(file.time_s), len(anchors)), np.nan, dtype=np.float32)
    repeated = 0
    low, high = RSSI_RANGE_DBM
    for line, (anchor, level) in enumerate(zip(table.text("anchor"), rssi.tolist(), strict=True)):
        if bool(anchor) == bool(np.isnan(level)):
            has, lacks = ("an anchor", "level") if anchor else ("a level", "anchor")
            raise DataError(f"{table.at(line)}: found {has} without its {lacks}. Fill both in, or leave both empty.")
        if not anchor:
            continue
        if not low <= level <= high:
            raise DataError(
                f"{table.at(line)}: expected a level of {low:.0f}..{high:.0f} dBm in column rssi, found {level:g}. "
                "Leave the line out where nothing was heard."
            )
        place = (int(file.row[line]), index[anchor])
        repeated += not np.isnan(levels[place])
        levels[place] = level if np.isnan(levels[place]) else levels[place]
    if np.isnan(levels).all():
        raise DataError(f"{table.path}: no line has a level. Without a radio there is nothing to localise by.")
    return levels, repeated


def _acceleration(file: _Observations) -> NDArray[np.float32]:
    """Return the acceleration (rows, 3): of the first line of that time that has one, or the last one before.

    Radio and accelerometer often have clocks of their own, so a row of the one holds the newest sample of the other,
    for HOLD_S at most; refuse a file in which more than MAX_LOST_ACCELERATION of the rows have none even so.
    """
    lines = np.stack([file.table.numbers(axis, may_be_empty=True) for axis in ACCELERATION], axis=1)
    known = np.flatnonzero(np.isfinite(lines).all(axis=1))
    row, first = np.unique(file.row[known], return_index=True)
    n = len(file.time_s)
    newest = np.searchsorted(row, np.arange(n), side="right") - 1  # (rows,) into row, -1 before the first sample
    has = newest >= 0
    has[has] = file.time_s[has] - file.time_s[row[newest[has]]] <= HOLD_S
    if (~has).mean() > MAX_LOST_ACCELERATION:
        raise DataError(
            f"{file.table.path}: {int((~has).sum())} of {n} times have no acceleration within {HOLD_S:g} s before; at "
            f"most {MAX_LOST_ACCELERATION:.0%} may lack it. Check the accelerometer's log, or drop ax, ay and az."
        )
    acceleration = np.full((n, 3), np.nan, dtype=np.float32)
    acceleration[has] = lines[known[first[newest[has]]]]
    return acceleration


def _rooms(file: _Observations, rooms: Sequence[str]) -> NDArray[np.int16]:
    """Return the room (rows,), UNLABELLED where no line of that time names one; refuse two rooms at one time."""
    room = np.full(len(file.time_s), UNLABELLED, dtype=np.int16)
    index = {name: number for number, name in enumerate(rooms)}
    for line, name in enumerate(file.table.text("room")):
        row = file.row[line]
        if name and room[row] not in (UNLABELLED, index[name]):
            raise DataError(
                f"{file.table.at(line)}: found room {name!r} at a time that the lines above put in "
                f"{rooms[room[row]]!r}. One person is in one room at a time: correct the label."
            )
        room[row] = index[name] if name else room[row]
    return room
