"""What a network hears of a recording: the frames of a stretch, or the window of frames up to each decision.

Glossary: `K` decisions of a stretch; `T` frames; `A` access points; `M` motion features.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from smidgen.compression.inputs import Batch
from smidgen.data import NOT_HEARD_DBM, Frames, Recording
from smidgen.firmware import MEASURED_WINDOWS
from smidgen.localisation.fold import Fold, count_decisions
from smidgen.localisation.stretches import Stretch, whole


def heard_frames(fold: Fold, recording: Recording, stretch: Stretch, *, frames_behind: int = 0) -> Batch:
    """Return rssi (1, T, A) and motion (1, T, M) of a stretch and so many frames behind it; silence follows the end."""
    frames, steps = _frames(fold, recording), fold.steps_per_hop
    rows = np.arange(stretch.heard_from * steps, stretch.end * steps + frames_behind)
    return _at(frames, rows[None])


def heard_windows(fold: Fold, recording: Recording, stretch: Stretch, length: int) -> Batch:
    """Return rssi (K, T, A) and motion (K, T, M): the last `length` frames up to each decision, silence before 0."""
    last = (np.arange(stretch.heard_from, stretch.end) + 1) * fold.steps_per_hop - 1
    return _at(_frames(fold, recording), last[:, None] + np.arange(1 - length, 1))


def all_of(recording: Recording) -> Stretch:
    """Return the stretch of a whole recording."""
    return whole(count_decisions(recording))[0]


def first_of(batch: Batch) -> Batch:
    """Return a batch's first examples, as many as programs are measured on."""
    return tuple(value[:MEASURED_WINDOWS] for value in batch)


def _at(frames: Frames, rows: np.ndarray[tuple[int, int], np.dtype[np.intp]]) -> Batch:
    """Return rssi and motion (b, T, ...) at rows (b, T) of the frames; outside them nothing is heard or moves."""
    inside = (rows >= 0) & (rows < len(frames))
    kept = np.where(inside, rows, 0)
    rssi = np.where(inside[:, :, None], frames.rssi[kept], NOT_HEARD_DBM)
    motion = np.where(inside[:, :, None], frames.motion[kept], np.float32(0.0))
    return torch.from_numpy(rssi).float(), torch.from_numpy(motion)


@lru_cache(maxsize=16)
def _frames(fold: Fold, recording: Recording) -> Frames:
    return fold.frames(recording)
