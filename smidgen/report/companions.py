"""Records of other benchmarks that a study's page shows beside it: disturbances, and minutes of calibration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from smidgen.errors import DataError
from smidgen.report.formatting import NOTHING, hundredths, score
from smidgen.typed_json import from_json

ROBUSTNESS_FILE = "robustness.json"
ADAPTATION_FILE = "adaptation.json"

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustnessRecord:
    """What one disturbance of the held-out recordings costs one way of training."""

    data: str
    model: str
    training: str
    corruption: str
    severity: float
    unit: str
    macro_f1_without_rare: float
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationRecord:
    """How well one method finds rooms in a new home after so many minutes of calibration."""

    data: str
    home: str
    method: str
    minutes: float
    accuracy: float
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table with one text a cell; `command` makes its records again."""

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    command: str


def read_companions(folder: Path | None, data: str) -> tuple[Grid, ...]:
    """Return the tables of the records that lie in a folder, of one data set; those that do not are left out.

    Raises DataError for a record that does not fit.
    """
    if folder is None:
        return ()
    robustness = [r for r in _read(RobustnessRecord, folder / ROBUSTNESS_FILE) if r.data == data]
    adaptation = [r for r in _read(AdaptationRecord, folder / ADAPTATION_FILE) if r.data == data]
    tables = (robustness_table(robustness), adaptation_table(adaptation))
    return tuple(table for table in tables if table is not None)


def robustness_table(records: Sequence[RobustnessRecord]) -> Grid | None:
    """Return macro-F1 without rare rooms by disturbance and way of training; None without records."""
    if not records:
        return None
    names = tuple(dict.fromkeys(f"{r.model}, {r.training}" for r in records))
    found = {(_disturbance(r), f"{r.model}, {r.training}"): r.macro_f1_without_rare for r in records}
    kinds = dict.fromkeys(_disturbance(r) for r in records)
    return Grid(
        title="Macro-F1 without rare rooms under disturbances",
        corner="disturbance",
        columns=names,
        rows=tuple((kind, tuple(score(found.get((kind, name))) for name in names)) for kind in kinds),
        command=records[0].command,
    )


def adaptation_table(records: Sequence[AdaptationRecord]) -> Grid | None:
    """Return accuracy in percent by minutes of calibration and method, mean over homes; None without records."""
    if not records:
        return None
    methods = tuple(dict.fromkeys(record.method for record in records))
    cells: dict[tuple[float, str], list[float]] = {}
    for record in records:
        cells.setdefault((record.minutes, record.method), []).append(record.accuracy)
    rows = []
    for minutes in sorted({record.minutes for record in records}):
        means = [cells.get((minutes, method)) for method in methods]
        rows.append((f"{minutes:g}", tuple(NOTHING if each is None else hundredths(fmean(each)) for each in means)))
    return Grid(
        title="Accuracy in a new home, %, by minutes of calibration",
        corner="minutes",
        columns=methods,
        rows=tuple(rows),
        command=records[0].command,
    )


def _disturbance(record: RobustnessRecord) -> str:
    return record.corruption if record.severity == 0 else f"{record.corruption}, {record.severity:g} {record.unit}"


def _read(kind: type[Record], path: Path) -> list[Record]:
    if not path.is_file():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}. Restore it, or name another folder with --records") from error
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of records, found a {type(rows).__name__}; name another folder")
    return [from_json(kind, row, f"{path}, row {number}") for number, row in enumerate(rows, 1)]
