"""Decisions: the moments at which a room is asked for, with the truth; the same for every model and every baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.intervals import interval_of
from smidgen.data.recording import UNLABELLED, Recording
from smidgen.errors import ConfigError

MIN_SAMPLES = 5
"""Fewest raw rows in a decision's interval for it to be asked (SPHERE protocol, see docs/data.md)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decisions:
    """The decisions of one recording that are scored; decision k covers [k * hop_s, (k + 1) * hop_s)."""

    hop_s: float
    index: NDArray[np.intp]  # (n,) k of each decision that is scored
    label: NDArray[np.int16]  # (n,) room at the centre of the interval
    counts: Mapping[str, int]  # decisions in all, kept, and dropped by reason

    def __len__(self) -> int:
        return len(self.index)

    @property
    def time_s(self) -> NDArray[np.float64]:
        """(n,) end of each interval: the moment at which the answer is due."""
        return (self.index + 1).astype(np.float64) * self.hop_s


def decide(recording: Recording, *, hop_s: float = 2.0) -> Decisions:
    """Return the scored decisions of a recording.

    A decision is dropped, and counted, when its centre lies outside every room visit or its interval holds fewer than
    MIN_SAMPLES raw rows; so is a last interval that the recording does not fill.
    """
    if not (np.isfinite(hop_s) and hop_s > 0):
        raise ConfigError(f"hop_s must be a positive number of seconds, got {hop_s}")
    n_whole = int(recording.duration_s / hop_s)
    samples = np.bincount(interval_of(recording.time_s, hop_s), minlength=n_whole + 1)[:n_whole]
    label = recording.room_at((np.arange(n_whole) + 0.5) * hop_s)
    sparse = samples < MIN_SAMPLES
    unlabelled = ~sparse & (label == UNLABELLED)
    index = np.flatnonzero(~unlabelled & ~sparse)
    return Decisions(
        hop_s=hop_s,
        index=index,
        label=label[index],
        counts={
            "decisions": n_whole + 1,
            "decisions_kept": len(index),
            "decisions_unlabelled": int(unlabelled.sum()),
            "decisions_with_few_samples": int(sparse.sum()),
            "decisions_incomplete": 1,
        },
    )
