"""One held-out part of a benchmark: what contestants may learn from, and what they are asked.

Glossary: `K` decisions of a recording, scored or not; `n` those that are scored; `R` rooms.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.data import Decisions, Frames, Recording, Split, Windows, decide, split_hash, to_frames
from smidgen.training.decoded_folds import room_shares
from smidgen.training.presets import Preset

HOP_S = 2.0
"""From one decision to the next."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The recordings of a home: those that train, and those that are held out."""

    data: str  # as `load_benchmark` takes it
    root: str | None
    number: int
    benchmark: Benchmark
    split: Split[Recording]

    @property
    def preset(self) -> Preset:
        """Window, model sizes and training for this data set."""
        return self.benchmark.preset

    @property
    def rooms(self) -> tuple[str, ...]:
        """R names."""
        return self.split.train[0].rooms

    @property
    def steps_per_hop(self) -> int:
        """Frames from one decision to the next."""
        return round(HOP_S / self.preset.step_s)

    @cached_property
    def contents(self) -> str:
        """Hash of the recordings of both sides: what is kept of a fold is read back for these very ones."""
        return split_hash(self.split)

    @cached_property
    def training(self) -> Windows:
        """Windows of the recordings that train."""
        return self.benchmark.windows(self.split.train)

    @cached_property
    def decisions(self) -> tuple[Decisions, ...]:
        """The labelled decisions of each recording that trains."""
        return tuple(decide(recording, hop_s=HOP_S) for recording in self.split.train)

    @cached_property
    def prior(self) -> NDArray[np.float64]:
        """(R,) share of each room among the decisions that train."""
        return room_shares(self.decisions, len(self.rooms))

    def frames(self, recording: Recording) -> Frames:
        """Resample a recording to the preset's step."""
        return to_frames(recording, step_s=self.preset.step_s)


def open_fold(data: str, root: str | None, number: int) -> Fold:
    """Load a fold; raises DataError or ConfigError as `load_benchmark`."""
    benchmark = load_benchmark(data, None if root is None else Path(root), None)
    return Fold(data=data, root=root, number=number, benchmark=benchmark, split=benchmark.splits[number])


def all_recordings(data: str, root: str | None) -> Fold:
    """Return what the firmware that people wear learns from: every recording of the first home, none held out."""
    fold = open_fold(data, root, 0)
    split = Split(name="none", train=(*fold.split.train, *fold.split.test), test=())
    return Fold(data=data, root=root, number=0, benchmark=fold.benchmark, split=split)


def count_decisions(recording: Recording) -> int:
    """Return K, the whole intervals of a recording."""
    return int(recording.duration_s / HOP_S)


def learned_prior(fold: Fold, class_weight_power: float) -> NDArray[np.float64]:
    """Return the prior (R,) of a classifier that weighed each room by its share to the power of -class_weight_power.

    A room that never trained has the prior of the rarest that did.
    """
    shares = np.where(fold.prior > 0, fold.prior, fold.prior[fold.prior > 0].min())
    weighed = shares ** (1 - class_weight_power)
    prior: NDArray[np.float64] = weighed / weighed.sum()
    return prior
