"""Sequences: whole recordings side by side, and which of their frames answer the scored decisions.

A stateful model is trained on crops of them and scored over all of them; a window would hide what its state does.
Glossary: `n` recordings, `T` frames of the longest one, `A` access points, `M` motion features, `d` decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from smidgen.data.decisions import decide
from smidgen.data.frames import Frames
from smidgen.data.recording import UNLABELLED
from smidgen.errors import ConfigError, DataError
from smidgen.rssi import NOT_HEARD_DBM

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequences:
    """Whole recordings of one home, padded behind to the longest; the decisions of all, recording by recording."""

    rssi: NDArray[np.int8]  # (n, T, A) dBm, NOT_HEARD_DBM where nothing was heard and behind the recording
    motion: NDArray[np.float32]  # (n, T, M) g, 0 behind the recording
    room: NDArray[np.int16]  # (n, T) what a decision that ends with the frame asks for; UNLABELLED where unknown
    n_frames: NDArray[np.int32]  # (n,) frames before the padding
    present: NDArray[np.bool_]  # (n, A) which access points exist in each recording
    names: tuple[str, ...]  # (n,) of the recordings
    recording: NDArray[np.int32]  # (d,) index into names
    frame: NDArray[np.int32]  # (d,) the frame with which the decision's interval ends
    label: NDArray[np.int16]  # (d,) room at the centre of the interval, never UNLABELLED
    rooms: tuple[str, ...]
    access_points: tuple[str, ...]
    step_s: float
    hop_s: float
    counts: Mapping[str, int]  # decisions in all, kept, and dropped by reason

    def __len__(self) -> int:
        """Return the number of recordings."""
        return len(self.names)

    @property
    def n_decisions(self) -> int:
        return len(self.label)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """(d,) end of each decision's interval, on its recording's clock."""
        return (self.frame + 1).astype(np.float64) * self.step_s

    @property
    def frames_per_hop(self) -> int:
        return round(self.hop_s / self.step_s)

    def rows_of(self, name: str) -> NDArray[np.intp]:
        """Return which decisions are those of a recording; DataError for a name that is not here."""
        if name not in self.names:
            raise DataError(f"there is no recording {name!r} in these sequences; there are {', '.join(self.names)}")
        return np.flatnonzero(self.recording == self.names.index(name))


def make_sequences(parts: Sequence[Frames], *, hop_s: float = 2.0) -> Sequences:
    """Put recordings side by side; the decisions are those of `decide`, in the order of the recordings.

    A frame's room is asked as a decision asks for it: at hop_s / 2 before the frame's end, whether or not a decision
    ends there, so that a model can learn from every frame.
    Raises DataError where there is none or homes or steps differ, ConfigError for a hop of broken steps.
    """
    if not parts:
        raise DataError("no recordings to make sequences of: the list is empty. Load at least one.")
    first = parts[0]
    for part in parts[1:]:
        for what in ("rooms", "access_points", "step_s"):
            if getattr(part, what) != getattr(first, what):
                raise DataError(
                    f"{part.name} and {first.name} differ in {what}: {getattr(part, what)} against "
                    f"{getattr(first, what)}. Join recordings of the same home only, resampled alike."
                )
    per_hop = round(hop_s / first.step_s)
    if per_hop < 1 or abs(per_hop * first.step_s - hop_s) > 1e-9:
        raise ConfigError(
            f"hop_s must be a whole number of steps of {first.step_s} s, got {hop_s}. "
            f"Choose {max(1, per_hop) * first.step_s} s, or resample with another step."
        )
    decisions = [decide(part.recording, hop_s=hop_s) for part in parts]
    counts: Counter[str] = Counter()
    for each in decisions:
        counts.update(each.counts)
    return Sequences(
        rssi=_side_by_side([part.rssi for part in parts], NOT_HEARD_DBM),
        motion=_side_by_side([part.motion for part in parts], 0.0),
        room=_side_by_side([_asked_for(part, hop_s) for part in parts], UNLABELLED),
        n_frames=np.array([len(part) for part in parts], dtype=np.int32),
        present=np.array([part.present for part in parts]),
        names=tuple(part.name for part in parts),
        recording=np.repeat(np.arange(len(parts), dtype=np.int32), [len(each) for each in decisions]),
        frame=np.concatenate([(each.index + 1) * per_hop - 1 for each in decisions]).astype(np.int32),
        label=np.concatenate([each.label for each in decisions]),
        rooms=first.rooms,
        access_points=first.access_points,
        step_s=first.step_s,
        hop_s=hop_s,
        counts=dict(counts),
    )


def _asked_for(frames: Frames, hop_s: float) -> NDArray[np.int16]:
    """Return the room (T,) in the middle of the hop that ends with each frame; UNLABELLED before the recording."""
    centre_s = frames.time_s - hop_s / 2
    room = frames.recording.room_at(centre_s)
    return np.where(centre_s >= 0, room, UNLABELLED).astype(np.int16)


def _side_by_side(arrays: Sequence[NDArray[Number]], fill: float) -> NDArray[Number]:
    """Return (n, T, ...), each array padded behind with `fill`."""
    out = np.full((len(arrays), max(map(len, arrays)), *arrays[0].shape[1:]), fill, dtype=arrays[0].dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return out
