"""Classical models as contestants: trees and neighbours on statistics of windows, in Python only."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data import Recording, decide
from smidgen.localisation.answers import Probabilities
from smidgen.localisation.fold import HOP_S, Fold, learned_prior
from smidgen.localisation.stretches import Stretch
from smidgen.training.baselines import TrainedBaseline, train_baseline

_BALANCED = ("random-forest",)
"""Baselines that weigh every room alike."""


class BaselineAnswers:
    """A trained baseline, which is asked the scored decisions only."""

    parameters = None
    floor = 1e-3

    def __init__(self, baseline: TrainedBaseline, prior: NDArray[np.float64]) -> None:
        self.prior = prior
        self._scored = lru_cache(maxsize=1)(baseline.probabilities)  # of all scored decisions of a recording

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R), NaN at decisions that are not scored."""
        index = decide(recording, hop_s=HOP_S).index
        answers = np.full((stretch.end, len(recording.rooms)), np.nan)
        heard = index < stretch.end
        answers[index[heard]] = self._scored(recording)[heard]
        return answers[stretch.heard_from :]

    def to_decode(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return the same: a tree answers once a decision."""
        return self.probabilities(recording, stretch)


def fit_baseline(fold: Fold, name: str, *, seed: int, folder: Path) -> BaselineAnswers:
    """Train a baseline on a fold; it leaves nothing in the folder."""
    baseline = train_baseline(name, fold.split.train, seed=seed, hop_s=HOP_S)
    return BaselineAnswers(baseline, learned_prior(fold, 1.0 if name in _BALANCED else 0.0))
