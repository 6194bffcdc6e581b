"""Windows: the last `length` frames up to each decision, stacked for training and scoring.

Glossary: `n` decisions, `T` frames in a window, `A` access points, `M` motion features, `R` rooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.decisions import decide
from smidgen.data.frames import Frames
from smidgen.data.recording import UNLABELLED
from smidgen.errors import ConfigError, DataError
from smidgen.rssi import NOT_HEARD_DBM


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """One window a decision, of one or several recordings of the same rooms and access points."""

    rssi: NDArray[np.int8]  # (n, T, A) dBm, NOT_HEARD_DBM where nothing was heard or before the recording
    motion: NDArray[np.float32]  # (n, T, M) g
    room: NDArray[np.int16]  # (n, T) room at each frame, UNLABELLED outside every visit
    label: NDArray[np.int16]  # (n,) room at the centre of the decision's interval, never UNLABELLED
    time_s: NDArray[np.float64]  # (n,) end of the decision's interval, on its recording's clock
    recording: NDArray[np.int32]  # (n,) index into recordings
    recordings: tuple[str, ...]  # names
    rooms: tuple[str, ...]
    access_points: tuple[str, ...]
    step_s: float
    hop_s: float
    counts: Mapping[str, int]  # decisions in all, kept, and dropped by reason

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, selection: slice | NDArray[np.bool_] | NDArray[np.integer]) -> Windows:
        """Return the selected windows: a slice, a mask (n,) or an array of indices. Counts stay those of the whole."""
        return Windows(
            rssi=self.rssi[selection],
            motion=self.motion[selection],
            room=self.room[selection],
            label=self.label[selection],
            time_s=self.time_s[selection],
            recording=self.recording[selection],
            recordings=self.recordings,
            rooms=self.rooms,
            access_points=self.access_points,
            step_s=self.step_s,
            hop_s=self.hop_s,
            counts=self.counts,
        )


def make_windows(frames: Frames, *, length: int, hop_s: float = 2.0) -> Windows:
    """Cut one window of `length` frames for each scored decision (see `decide`); it ends where the decision ends.

    Frames before the start of the recording are padded: nothing heard, no motion, no room.
    Raises ConfigError where the length is not positive or the hop is not a whole number of steps.
    """
    if length < 1:
        raise ConfigError(f"length must be at least 1 frame, got {length}")
    steps_per_hop = round(hop_s / frames.step_s)
    if steps_per_hop < 1 or abs(steps_per_hop * frames.step_s - hop_s) > 1e-9:
        raise ConfigError(
            f"hop_s must be a whole number of steps of {frames.step_s} s, got {hop_s}. "
            f"Choose {max(1, steps_per_hop) * frames.step_s} s, or resample with another step."
        )
    decisions = decide(frames.recording, hop_s=hop_s)
    last = (decisions.index + 1) * steps_per_hop - 1  # (n,) the frame that ends with the decision
    rows = last[:, None] + np.arange(1 - length, 1) + length  # (n, T) into the arrays padded by `length` in front
    return Windows(
        rssi=_padded(frames.rssi, length, NOT_HEARD_DBM)[rows],
        motion=_padded(frames.motion, length, 0)[rows],
        room=_padded(frames.room, length, UNLABELLED)[rows],
        label=decisions.label,
        time_s=decisions.time_s,
        recording=np.zeros(len(decisions), dtype=np.int32),
        recordings=(frames.name,),
        rooms=frames.rooms,
        access_points=frames.access_points,
        step_s=frames.step_s,
        hop_s=hop_s,
        counts=decisions.counts,
    )


def concatenate(parts: Sequence[Windows]) -> Windows:
    """Join windows of several recordings, in order; counts add up.

    Raises DataError where there is none, or where rooms, access points, length, step or hop differ.
    """
    if not parts:
        raise DataError("no windows to concatenate: the list is empty. Load at least one recording.")
    first = parts[0]
    for part in parts[1:]:
        for what in ("rooms", "access_points", "step_s", "hop_s"):
            if getattr(part, what) != getattr(first, what):
                raise DataError(
                    f"windows of {part.recordings[0]} and {first.recordings[0]} differ in {what}: "
                    f"{getattr(part, what)} against {getattr(first, what)}. Join recordings of the same home only."
                )
        if part.rssi.shape[1] != first.rssi.shape[1]:
            raise DataError(
                f"windows of {part.recordings[0]} have {part.rssi.shape[1]} frames, those of {first.recordings[0]} "
                f"{first.rssi.shape[1]}. Cut all with the same length."
            )
    offsets = np.cumsum([0, *(len(part.recordings) for part in parts)])
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Windows(
        rssi=np.concatenate([part.rssi for part in parts]),
        motion=np.concatenate([part.motion for part in parts]),
        room=np.concatenate([part.room for part in parts]),
        label=np.concatenate([part.label for part in parts]),
        time_s=np.concatenate([part.time_s for part in parts]),
        recording=np.concatenate(
            [part.recording + offset for part, offset in zip(parts, offsets[:-1], strict=True)], dtype=np.int32
        ),
        recordings=tuple(name for part in parts for name in part.recordings),
        rooms=first.rooms,
        access_points=first.access_points,
        step_s=first.step_s,
        hop_s=first.hop_s,
        counts=dict(counts),
    )


def _padded(values: NDArray[np.generic], length: int, fill: int) -> NDArray[np.generic]:
    """Return `values` with `length` rows of `fill` in front."""
    front = np.full((length, *values.shape[1:]), fill, dtype=values.dtype)
    return np.concatenate([front, values])
