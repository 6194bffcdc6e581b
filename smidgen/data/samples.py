"""Sample rows: time, acceleration and signal strengths as a wearable's log holds them, checked line by line.

The layout is SPHERE's: columns t (s), x, y, z (g), then one column an access point (dBm, empty = not heard).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.csv_table import Table
from smidgen.data.recording import RSSI_RANGE_DBM
from smidgen.errors import DataError

ACCELERATION = ("x", "y", "z")

MAX_LOST_ACCELERATION = 0.1
"""Largest share of rows without a finite acceleration; above it the log is a NaN storm, not an odd lost sample."""

GAP_S = 1.5
"""A pause between rows from which it is counted as a gap (SPHERE's README counts from here)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """Rows of one log after checking; `line_of` keeps the way back to the file."""

    time_s: NDArray[np.float64]  # (n,) strictly increasing
    acceleration_g: NDArray[np.float32] | None  # (n, 3), NaN = lost; None without columns x, y, z
    rssi_dbm: NDArray[np.float32]  # (n, A), NaN = not heard
    kept: NDArray[np.intp]  # (n,) row of the table each sample comes from
    counts: Mapping[str, int]


def read_samples(table: Table, *, access_points: Sequence[str]) -> Samples:
    """Return the checked sample rows of a table.

    Rows that repeat the time of the row before are dropped and counted. Raises DataError with file and line where time
    goes backwards, a level is not one a radio reports, nothing was heard at all, or too much acceleration is missing.
    """
    time_s = table.numbers("t")
    kept = _increasing(table, time_s)
    rssi = np.stack([table.numbers(name, may_be_empty=True) for name in access_points], axis=1)
    _check_rssi(table, rssi, access_points)
    acceleration, n_lost = _acceleration(table, kept) if ACCELERATION[0] in table.columns else (None, 0)
    return Samples(
        time_s=time_s[kept],
        acceleration_g=acceleration,
        rssi_dbm=rssi[kept].astype(np.float32),
        kept=kept,
        counts={
            "rows": len(table),
            "rows_repeating_a_time": len(table) - len(kept),
            "rows_without_acceleration": n_lost,
            "rows_unheard": int(np.isnan(rssi[kept]).all(axis=1).sum()),
            "gaps": count_gaps(time_s[kept]),
        },
    )


def count_gaps(time_s: NDArray[np.float64]) -> int:
    """Return how many pauses between rows (n,) are longer than GAP_S."""
    return int((np.diff(time_s) > GAP_S).sum())


def _increasing(table: Table, time_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows whose time is new; refuse a clock that is not finite, starts below 0 or goes backwards."""
    bad = np.flatnonzero(~(np.isfinite(time_s) & (time_s >= 0)))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{table.at(row)}: expected seconds from the start of the recording in column t, found {time_s[row]}."
        )
    steps = np.diff(time_s)
    backwards = np.flatnonzero(steps < 0)
    if len(backwards):
        row = int(backwards[0]) + 1
        raise DataError(
            f"{table.at(row)}: time goes backwards, from {time_s[row - 1]:.6f} s to {time_s[row]:.6f} s "
            f"({len(backwards)} times in the file). Sort the lines, or cut the file where its clock was reset."
        )
    return np.flatnonzero(np.concatenate([[True], steps > 0]))


def _acceleration(table: Table, kept: NDArray[np.intp]) -> tuple[NDArray[np.float32], int]:
    """Return the acceleration (n, 3), NaN in rows that lack an axis, and how many do; refuse a NaN storm."""
    acceleration = np.stack([table.numbers(axis, may_be_empty=True) for axis in ACCELERATION], axis=1)
    lost: NDArray[np.bool_] = np.isfinite(acceleration).sum(axis=1) < acceleration.shape[1]
    if lost.mean() > MAX_LOST_ACCELERATION:
        raise DataError(
            f"{table.path}: expected finite x, y, z; {lost.sum()} of {len(table)} lines ({lost.mean():.0%}) have none, "
            f"the first at line {table.first_line + int(np.flatnonzero(lost)[0])}; at most "
            f"{MAX_LOST_ACCELERATION:.0%} may be lost. Check the accelerometer's log, or fetch the file again."
        )
    acceleration[lost] = np.nan
    return acceleration[kept].astype(np.float32), int(lost[kept].sum())


def _check_rssi(table: Table, rssi: NDArray[np.float64], access_points: Sequence[str]) -> None:
    """Refuse levels that no radio reports, and a log in which nothing was heard."""
    low, high = RSSI_RANGE_DBM
    wrong = np.argwhere(~np.isnan(rssi) & ~((rssi >= low) & (rssi <= high)))
    if len(wrong):
        row, column = (int(i) for i in wrong[0])
        raise DataError(
            f"{table.at(row)}: expected a level of {low:.0f}..{high:.0f} dBm in column {access_points[column]}, found "
            f"{rssi[row, column]:g}. Leave the cell empty where nothing was heard."
        )
    if np.isnan(rssi).all():
        raise DataError(
            f"{table.path}: expected levels in columns {', '.join(access_points)}; all {len(table)} lines are empty. "
            "Without a radio there is nothing to localise by: check the log."
        )
