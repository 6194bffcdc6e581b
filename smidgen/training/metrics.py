"""Scores of room decisions: macro-F1 first, then accuracy and F1 per room, with rare rooms named.

Scores are pooled: the decisions of all folds are put together, then scored once.
Glossary: `n` decisions, `R` rooms, `G` groups of neighbouring decisions that the bootstrap draws as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError, DataError

RARE_BELOW = 30
"""A room with fewer test decisions than this is rare: one flip moves its F1 by several points."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """What a set of decisions scored. F1 is NaN for a room that is neither true nor predicted anywhere."""

    rooms: tuple[str, ...]  # R names
    confusion: NDArray[np.int64]  # (R, R) decisions, true room by predicted room

    @property
    def decisions(self) -> int:
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.decisions)

    @property
    def f1(self) -> Mapping[str, float]:
        """F1 of each room by name, 0..1 or NaN."""
        return dict(zip(self.rooms, f1_per_room(self.confusion).tolist(), strict=True))

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the rooms that occur in truth or prediction, 0..1."""
        return float(np.nanmean(f1_per_room(self.confusion)))

    @property
    def rare_rooms(self) -> tuple[str, ...]:
        """Rooms with fewer than RARE_BELOW true decisions, those with none included."""
        return tuple(room for room, n in zip(self.rooms, self.confusion.sum(axis=1), strict=True) if n < RARE_BELOW)

    @property
    def macro_f1_without_rare(self) -> float:
        """Mean F1 over the rooms that are not rare, NaN where all are; the errors made with rare rooms still count."""
        common = [f1 for room, f1 in self.f1.items() if room not in self.rare_rooms]
        return float(np.mean(common)) if common else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A difference with its percentile bootstrap interval."""

    difference: float
    low: float
    high: float
    confidence: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def score(truth: NDArray[np.integer], predicted: NDArray[np.integer], *, rooms: Sequence[str]) -> Scores:
    """Score decisions (n,), given as indices into `rooms`, pooled over whatever folds they come from.

    Raises DataError where there is none, the lengths differ or an index is outside the rooms.
    """
    _check(truth, predicted, n_rooms=len(rooms))
    return Scores(rooms=tuple(rooms), confusion=confusion_matrix(truth, predicted, n_rooms=len(rooms)))


def confusion_matrix(truth: NDArray[np.integer], predicted: NDArray[np.integer], *, n_rooms: int) -> NDArray[np.int64]:
    """Return how many decisions (R, R) of each true room (rows) went to each predicted room (columns)."""
    cell = truth.astype(np.int64) * n_rooms + predicted
    return np.bincount(cell, minlength=n_rooms * n_rooms).reshape(n_rooms, n_rooms)


def f1_per_room(confusion: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return F1 (..., R) of confusion matrices (..., R, R); NaN for a room in neither truth nor prediction."""
    hit = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    both = (confusion.sum(axis=-1) + confusion.sum(axis=-2)).astype(np.float64)
    f1: NDArray[np.float64] = np.full_like(both, np.nan)
    np.divide(2 * hit, both, out=f1, where=both > 0)
    return f1


def paired_bootstrap(
    truth: NDArray[np.integer],
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    *,
    groups: NDArray[np.integer],
    n_rooms: int,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Return macro-F1 of `second` minus that of `first` on the same decisions (n,), with its bootstrap interval.

    Whole groups are drawn with replacement, both models always together: neighbouring decisions share a visit and err
    together, so drawing single ones would give an interval that is too narrow. A group (n,) is a number: `time_blocks`
    makes blocks of a minute; the index of the recording draws whole sequences, which needs more than a handful of them.
    Within a resample, a room that is neither true nor predicted is left out of that model's mean.
    Raises DataError where arrays disagree or there are fewer than two groups, ConfigError for confidence outside 0..1.
    """
    if not 0 < confidence < 1:
        raise ConfigError(f"confidence must lie between 0 and 1, got {confidence}")
    if resamples < 1:
        raise ConfigError(f"resamples must be at least 1, got {resamples}")
    _check(truth, first, n_rooms=n_rooms)
    _check(truth, second, n_rooms=n_rooms)
    _, group = np.unique(groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    if len(group) != len(truth) or n_groups < 2:
        raise DataError(f"expected {len(truth)} group numbers of at least 2 groups, got {len(group)} of {n_groups}")
    draws = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=resamples)
    macro_f1 = []
    for predicted in (first, second):
        by_group = _confusion_by_group(truth, predicted, group, n_groups, n_rooms)
        drawn = (draws @ by_group).reshape(resamples, n_rooms, n_rooms)
        macro_f1.append(np.nanmean(f1_per_room(drawn), axis=1))
    low, high = np.quantile(macro_f1[1] - macro_f1[0], [(1 - confidence) / 2, (1 + confidence) / 2])
    whole = [np.nanmean(f1_per_room(confusion_matrix(truth, p, n_rooms=n_rooms))) for p in (first, second)]
    return Interval(difference=float(whole[1] - whole[0]), low=float(low), high=float(high), confidence=confidence)


def time_blocks(
    recording: NDArray[np.integer], time_s: NDArray[np.float64], *, block_s: float = 60.0
) -> NDArray[np.int64]:
    """Return a group number (n,) for each decision: the same for those of one recording within one block of time."""
    if not block_s > 0:
        raise ConfigError(f"block_s must be a positive number of seconds, got {block_s}")
    block = (time_s / block_s).astype(np.int64)
    _, group = np.unique(np.stack([recording.astype(np.int64), block]), axis=1, return_inverse=True)
    return group.astype(np.int64)


def _confusion_by_group(
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    group: NDArray[np.integer],
    n_groups: int,
    n_rooms: int,
) -> NDArray[np.int64]:
    """Return the confusion matrix of each group, flat: (G, R * R)."""
    cell = (group.astype(np.int64) * n_rooms + truth) * n_rooms + predicted
    return np.bincount(cell, minlength=n_groups * n_rooms * n_rooms).reshape(n_groups, n_rooms * n_rooms)


def _check(truth: NDArray[np.integer], predicted: NDArray[np.integer], *, n_rooms: int) -> None:
    if truth.ndim != 1 or truth.shape != predicted.shape or len(truth) == 0:
        raise DataError(
            f"truth and prediction must be two lists of the same decisions, at least one; got shapes {truth.shape} and "
            f"{predicted.shape}"
        )
    for what, values in (("truth", truth), ("prediction", predicted)):
        if values.min() < 0 or values.max() >= n_rooms:
            raise DataError(
                f"{what} holds room indices {values.min()}..{values.max()}; there are rooms 0..{n_rooms - 1}. "
                "Drop unlabelled decisions before scoring."
            )
