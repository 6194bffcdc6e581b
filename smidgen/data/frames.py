"""Frames: a recording resampled to a fixed step, in the units in which the firmware receives them.

Glossary: `T` steps, `A` access points, `M` motion features (mean x, y, z and standard deviation x, y, z).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.intervals import interval_of, mean_by_interval, motion_by_interval
from smidgen.data.recording import Recording
from smidgen.errors import ConfigError, DataError
from smidgen.rssi import NOT_HEARD_DBM

MOTION_FEATURES = ("mean_x", "mean_y", "mean_z", "std_x", "std_y", "std_z")
"""M, in g."""

MAX_STEPS = 1 << 22
"""24 days at 0.5 s: a longer recording has almost surely a clock in another unit, or one that does not start at 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """A recording on a fixed step: step i covers [i * step_s, (i + 1) * step_s) of the recording's clock."""

    recording: Recording
    step_s: float
    time_s: NDArray[np.float64]  # (T,) end of each step
    rssi: NDArray[np.int8]  # (T, A) mean dBm of the packets heard in the step, NOT_HEARD_DBM where none
    motion: NDArray[np.float32]  # (T, M) g
    samples: NDArray[np.int32]  # (T,) raw rows in the step
    room: NDArray[np.int16]  # (T,) at the middle of the step, UNLABELLED outside every visit
    counts: Mapping[str, int]  # the recording's counts, and what resampling filled in

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def name(self) -> str:
        return self.recording.name

    @property
    def home(self) -> str:
        return self.recording.home

    @property
    def subject(self) -> str:
        return self.recording.subject

    @property
    def rooms(self) -> tuple[str, ...]:
        return self.recording.rooms

    @property
    def access_points(self) -> tuple[str, ...]:
        return self.recording.access_points

    @property
    def present(self) -> tuple[bool, ...]:
        return self.recording.present


def to_frames(recording: Recording, *, step_s: float = 0.5) -> Frames:
    """Resample a recording to steps of `step_s` seconds; rows fall into steps by their own time, so gaps stay gaps.

    A step in which an access point heard nothing reads NOT_HEARD_DBM. A step without an accelerometer sample holds the
    last mean with zero deviation, as a wearable would that missed an interrupt; zeros before the first sample and
    where the recording has no accelerometer. Each such step is counted.
    Raises ConfigError for a step that is not positive, DataError for a recording of more than MAX_STEPS steps.
    """
    if not (np.isfinite(step_s) and step_s > 0):
        raise ConfigError(f"step_s must be a positive number of seconds, got {step_s}")
    n_steps = int(recording.duration_s / step_s) + 1
    if n_steps > MAX_STEPS:
        raise DataError(
            f"{recording.name}: {recording.duration_s:.0f} s make {n_steps} steps of {step_s} s, "
            f"more than {MAX_STEPS}. Give time_s in seconds from the start of the recording, or cut it."
        )
    step = interval_of(recording.time_s, step_s)
    samples = np.bincount(step, minlength=n_steps).astype(np.int32)
    motion, unmoved = _motion(recording, step, n_steps)
    middle_s = (np.arange(n_steps) + 0.5) * step_s
    return Frames(
        recording=recording,
        step_s=step_s,
        time_s=np.arange(1, n_steps + 1, dtype=np.float64) * step_s,
        rssi=_rssi(recording, step, n_steps),
        motion=motion,
        samples=samples,
        room=recording.room_at(middle_s),
        counts={
            **recording.counts,
            "steps": n_steps,
            "steps_without_rows": int((samples == 0).sum()),
            "steps_without_acceleration": unmoved,
        },
    )


def _rssi(recording: Recording, step: NDArray[np.intp], n_steps: int) -> NDArray[np.int8]:
    """Return the (T, A) mean level of the packets heard in each step, rounded to whole dBm."""
    mean, heard = mean_by_interval(recording.heard_dbm, step, n_steps)
    return np.where(heard > 0, np.rint(mean), NOT_HEARD_DBM).astype(np.int8)


def _motion(recording: Recording, step: NDArray[np.intp], n_steps: int) -> tuple[NDArray[np.float32], int]:
    """Return the (T, M) motion features and the number of steps that no accelerometer sample supports."""
    if recording.acceleration_g is None:
        return np.zeros((n_steps, len(MOTION_FEATURES)), dtype=np.float32), n_steps
    mean, deviation, has_sample = motion_by_interval(recording.acceleration_g, step, n_steps)
    last = np.maximum.accumulate(np.where(has_sample, np.arange(n_steps), -1))
    held_mean = np.where(last[:, None] >= 0, mean[last], 0.0)
    known_deviation = np.where(has_sample[:, None], deviation, 0.0)
    motion = np.concatenate([held_mean, known_deviation], axis=1).astype(np.float32)
    return motion, int((~has_sample).sum())
