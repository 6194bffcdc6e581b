"""sp-sw-har: what somebody does, by the inertial sensors of a watch or a phone (Matey-Sanz et al. 2023, Data in Brief
109809, DOI 10.5281/zenodo.8398688, CC BY 4.0). A general sequence benchmark, not localisation.

Layout of `sp_sw_har`:
    executions_info.csv                  one line an execution, as in s01_01
    s01.zip ... s23.zip                  a person each: s01_01_sw.csv (watch), s01_01_sp.csv (phone), and so on
Lines are about 10 ms apart: acceleration in m/s2, rotation in rad/s, unix time in ms, what is done. Executions are
short and scripted (sit, stand up, walk, turn, ...): a random split of windows leaks both person and execution, so
people are groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from smidgen.data.archive import read_members
from smidgen.data.csv_table import Table, parse_table, read_table
from smidgen.data.examples import Examples
from smidgen.data.protocols import GroupedFolds, Transfer
from smidgen.data.sets.folder import find_folder
from smidgen.errors import ConfigError, DataError, nearest

FOLDER = "sp_sw_har"
SENSORS = ("x_acc", "y_acc", "z_acc", "x_gyro", "y_gyro", "z_gyro")
ACTIVITIES = ("SEATED", "SITTING_DOWN", "STANDING_UP", "TURNING", "WALKING")
WINDOW = 100
"""Samples in a window: about a second."""

HOP = 50
GAP_MS = 100.0
TEST_SUBJECTS = tuple(f"s{number}" for number in range(19, 24))

Device = Literal["watch", "phone"]
_ENDINGS = {"watch": "_sw.csv", "phone": "_sp.csv"}

PROTOCOLS = {
    "people": Transfer(by="side", train=("training",), test=("testing",)),
    "grouped-fifths": GroupedFolds(n=5),
}
"""`people`: s01 to s18 train, s19 to s23 test."""


def load_sp_sw_har(root: Path | str, *, device: Device = "watch") -> Examples:
    """Return windows (WINDOW, 6) every HOP samples of each execution, labelled by what most of their samples are.

    Args: root, the folder that holds `sp_sw_har`, or that folder itself.
    Raises ConfigError for an unknown device, DataError where an execution is missing or malformed.
    """
    if device not in get_args(Device):
        raise ConfigError(f"a device is one of {', '.join(get_args(Device))}; got {device!r}")
    folder = find_folder(root, FOLDER, holds="executions_info.csv", source="DOI 10.5281/zenodo.8398688")
    values: list[NDArray[np.float32]] = []
    label: list[int] = []
    subject: list[str] = []
    counts = {"executions": 0, "rows": 0, "gaps": 0, "rows_left_over": 0}
    for execution, table in _executions(folder, device):
        samples = np.stack([table.numbers(sensor) for sensor in SENSORS], axis=1).astype(np.float32)
        activity = _activities(table)
        starts = range(0, len(table) - WINDOW + 1, HOP)
        values += [samples[start : start + WINDOW] for start in starts]
        label += [int(np.bincount(activity[start : start + WINDOW]).argmax()) for start in starts]
        subject += [execution[:3]] * len(starts)
        counts["executions"] += 1
        counts["rows"] += len(table)
        counts["gaps"] += _gaps(table)
        counts["rows_left_over"] += len(table) - (starts[-1] + WINDOW if starts else 0)
    return Examples(
        name=f"{FOLDER}/{device}",
        unit="m/s2 and rad/s",
        features=SENSORS,
        values=values,
        classes=ACTIVITIES,
        label=np.array(label, dtype=np.int16),
        group=np.array(subject),
        tags={
            "subject": np.array(subject),
            "side": np.where(np.isin(subject, TEST_SUBJECTS), "testing", "training"),
        },
        counts=counts,
    )


def _executions(folder: Path, device: Device) -> Iterator[tuple[str, Table]]:
    """Yield the name and the table of each execution that the list names, person after person."""
    path = folder / "executions_info.csv"
    listed = read_table(path, columns=("execution_id", "orientation", "first_turn", "second_turn"))
    wanted = listed.text("execution_id")
    for subject in dict.fromkeys(name[:3] for name in wanted):
        archive = folder / f"{subject}.zip"
        members = dict(read_members(archive, ending=_ENDINGS[device]))
        for name in (name for name in wanted if name[:3] == subject):
            member = f"{name}{_ENDINGS[device]}"
            if member not in members:
                raise DataError(
                    f"{archive}: expected {member}, as {path.name} lists {name}; found none. Fetch it again."
                )
            text = members[member].decode("utf-8", errors="replace")
            yield name, parse_table(text, path=Path(f"{archive}: {member}"), columns=(*SENSORS, "timestamp", "label"))


def _activities(table: Table) -> NDArray[np.intp]:
    """Return what is done on each line (n,); refuse an unknown activity by line."""
    names = table.text("label")
    for row, name in enumerate(names):
        if name not in ACTIVITIES:
            raise DataError(f"{table.at(row)}: {name!r} is no activity of this set; {nearest(name, ACTIVITIES)}")
    return np.array([ACTIVITIES.index(name) for name in names])


def _gaps(table: Table) -> int:
    """Return how many pauses between lines are longer than GAP_MS; refuse a clock that goes backwards."""
    steps_ms = np.diff(table.numbers("timestamp"))
    back = np.flatnonzero(steps_ms < 0)
    if len(back):
        raise DataError(f"{table.at(int(back[0]) + 1)}: time goes backwards. Fetch the file again.")
    return int((steps_ms > GAP_MS).sum())
