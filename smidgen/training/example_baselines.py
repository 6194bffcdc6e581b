"""Baselines on fingerprints and short sequences: a classical model on the summary of each example, by protocol.

Glossary: `n` examples, `T` steps, `F` features, `S = 7 F` summary values (F for fingerprints).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smidgen.data.examples import Examples
from smidgen.data.protocols import Parting
from smidgen.errors import ConfigError, nearest
from smidgen.training.baselines import UNHEARD_DBM
from smidgen.training.metrics import Scores, score

EXAMPLE_BASELINES: dict[str, Callable[[int], ClassifierMixin]] = {
    "k-nearest-neighbours": lambda seed: make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5)),
    "random-forest": lambda seed: RandomForestClassifier(n_estimators=100, random_state=seed),
}
"""seed -> untrained model"""


def score_examples(examples: Examples, protocol: Parting, *, name: str, seed: int) -> Scores:
    """Train a baseline on each fold of a protocol and score the predictions of all folds, pooled.

    Args: name, one of EXAMPLE_BASELINES; seed, of the trees.
    Raises ConfigError for an unknown name, DataError where the protocol does not fit the examples.
    """
    if name not in EXAMPLE_BASELINES:
        raise ConfigError(f"no baseline is called {name!r}; {nearest(name, EXAMPLE_BASELINES)}")
    features = summary_features(examples)
    truth, predicted = [], []
    for fold in protocol.folds(examples):
        model = EXAMPLE_BASELINES[name](seed).fit(features[fold.train], examples.label[fold.train])
        truth.append(examples.label[fold.test])
        predicted.append(model.predict(features[fold.test]))
    return score(np.concatenate(truth), np.concatenate(predicted), rooms=examples.classes)


def summary_features(examples: Examples) -> NDArray[np.float32]:
    """Return mean, deviation, least, most, first, last and mean absolute step of each feature: (n, S).

    What was not heard counts as UNHEARD_DBM. Fingerprints, which have one step, are returned as they are.
    """
    filled = [np.nan_to_num(steps, nan=UNHEARD_DBM) for steps in examples.values]
    if all(len(steps) == 1 for steps in filled):
        return np.concatenate(filled)
    return np.stack([_summary(steps) for steps in filled])


def _summary(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    moves = np.abs(np.diff(steps, axis=0, prepend=steps[:1])).mean(axis=0)
    parts = (steps.mean(axis=0), steps.std(axis=0), steps.min(axis=0), steps.max(axis=0), steps[0], steps[-1], moves)
    return np.concatenate(parts)
