"""A recording: what one person's wearable and a home's access points wrote down together, with the room where known.

Glossary: `n` raw rows, `A` access points, `R` rooms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import DataError, nearest
from smidgen.rssi import FAINTEST_DBM

UNLABELLED = -1
"""Room index outside every annotated visit."""

RSSI_RANGE_DBM = (-127.0, 20.0)
"""What a BLE controller can report for a packet (Bluetooth Core 5.4, Vol 4 Part E, 7.7.65.2)."""

LABEL_REACH_S = 1.0
"""A label speaks for the time around its row, but not for the middle of a long gap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recording:
    """One continuous recording of one person in one home, at the rate and on the clock at which it was taken.

    Time is in seconds from the start of the recording (0, not necessarily the first row). Rows need not lie on a grid
    and may have gaps; `to_frames` resamples. Raises DataError at birth where the arrays contradict each other.
    """

    name: str  # "sphere/00001", "simulated/home-1/2"
    home: str
    subject: str
    time_s: NDArray[np.float64]  # (n,) strictly increasing, from 0
    rssi_dbm: NDArray[np.float32]  # (n, A), NaN = not heard
    acceleration_g: NDArray[np.float32] | None  # (n, 3), NaN = sample lost; None = no accelerometer
    room: NDArray[np.int16]  # (n,) index into rooms, UNLABELLED outside every visit
    rooms: tuple[str, ...]  # R names
    access_points: tuple[str, ...]  # A names
    present: tuple[bool, ...]  # (A,) which access points exist in this recording
    counts: Mapping[str, int] = field(default_factory=dict)  # what a loader dropped, merged or found odd

    def __post_init__(self) -> None:
        self._check_names()
        self._check_time()
        self._check_rssi()
        self._check_acceleration()
        self._check_room()

    @property
    def duration_s(self) -> float:
        """Time of the last row."""
        return float(self.time_s[-1])

    @property
    def heard_dbm(self) -> NDArray[np.float32]:
        """(n, A) levels that a receiver can have heard, NaN elsewhere: -120 of another stack is no packet."""
        return np.where(self.rssi_dbm >= FAINTEST_DBM, self.rssi_dbm, np.float32(np.nan))

    def room_at(self, time_s: NDArray[np.floating]) -> NDArray[np.int16]:
        """Return the room of the row nearest to each time; UNLABELLED where no row lies within LABEL_REACH_S."""
        after = np.minimum(np.searchsorted(self.time_s, time_s), len(self.time_s) - 1)
        before = np.maximum(after - 1, 0)
        nearest = np.where(time_s - self.time_s[before] <= self.time_s[after] - time_s, before, after)
        near = np.abs(self.time_s[nearest] - time_s) <= LABEL_REACH_S
        return np.where(near, self.room[nearest], UNLABELLED).astype(np.int16)

    def _check_names(self) -> None:
        for what, names in (("rooms", self.rooms), ("access points", self.access_points)):
            printable = all(name and name.isprintable() for name in names)
            if not names or not printable or len(set(names)) != len(names):
                raise DataError(f"{self.name}: {what} must be at least one printable name, each once; got {names}")
        if len(self.present) != len(self.access_points):
            raise DataError(
                f"{self.name}: `present` must say yes or no for each of the {len(self.access_points)} access points, "
                f"got {len(self.present)} answers"
            )

    def _check_time(self) -> None:
        if self.time_s.ndim != 1 or len(self.time_s) == 0:
            raise DataError(f"{self.name}: time_s must have shape (n,) with n >= 1, got {self.time_s.shape}")
        if not np.isfinite(self.time_s).all() or self.time_s[0] < 0:
            raise DataError(f"{self.name}: time_s must be finite seconds from the start of the recording, 0 or later")
        backwards = np.flatnonzero(np.diff(self.time_s) <= 0)
        if len(backwards):
            row = int(backwards[0]) + 1
            raise DataError(
                f"{self.name}: time_s must increase strictly, but row {row} ({self.time_s[row]:.6f} s) follows "
                f"{self.time_s[row - 1]:.6f} s. Sort the rows, or cut the recording where its clock was reset."
            )

    def _check_rssi(self) -> None:
        expected = (len(self.time_s), len(self.access_points))
        if self.rssi_dbm.shape != expected:
            raise DataError(f"{self.name}: rssi_dbm must have shape (n, A) = {expected}, got {self.rssi_dbm.shape}")
        low, high = RSSI_RANGE_DBM
        wrong = np.argwhere(~np.isnan(self.rssi_dbm) & ~((self.rssi_dbm >= low) & (self.rssi_dbm <= high)))
        if len(wrong):
            row, column = wrong[0]
            raise DataError(
                f"{self.name}: {self.access_points[column]} reads {self.rssi_dbm[row, column]} dBm in row {row}; "
                f"a heard packet lies in {low:.0f}..{high:.0f} dBm. Write NaN where an access point heard nothing."
            )
        heard = np.count_nonzero(~np.isnan(self.rssi_dbm), axis=0)
        ghosts = [name for name, n, here in zip(self.access_points, heard, self.present, strict=True) if n and not here]
        if ghosts:
            raise DataError(f"{self.name}: {', '.join(ghosts)} heard packets, but is marked as not present")

    def _check_acceleration(self) -> None:
        if self.acceleration_g is None:
            return
        expected = (len(self.time_s), 3)
        if self.acceleration_g.shape != expected:
            raise DataError(
                f"{self.name}: acceleration_g must have shape (n, 3) = {expected}, got {self.acceleration_g.shape}"
            )
        if np.isinf(self.acceleration_g).any():
            raise DataError(f"{self.name}: acceleration_g holds an infinite value; write NaN for a lost sample")

    def _check_room(self) -> None:
        if self.room.shape != self.time_s.shape:
            raise DataError(f"{self.name}: room must have shape (n,) = {self.time_s.shape}, got {self.room.shape}")
        if self.room.min() < UNLABELLED or self.room.max() >= len(self.rooms):
            raise DataError(
                f"{self.name}: room indices run from {self.room.min()} to {self.room.max()}; the map has rooms "
                f"0..{len(self.rooms) - 1}, and {UNLABELLED} means unlabelled"
            )


def not_on_map(name: str, rooms: Sequence[str]) -> str:
    """Say that a label is no room of the map, and which room it may stand for."""
    return f"room {name!r} is not on the map; {nearest(name, rooms)}"
