"""How far a confidence can be believed: temperature scaling, calibration error, and when to answer "unknown".

"Calibration" elsewhere in this package sets the ranges of integers; here it is the field's word for probabilities that
are as often right as they say. Temperature and threshold are fitted on recordings held out inside the training side,
never on the test's. Sources: Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks" (Sections
2 and 4.2); Geifman & El-Yaniv 2017, "Selective Classification for Deep Neural Networks".
Glossary: `n` decisions, `R` rooms, `B` bins.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError, DataError

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]

TEMPERATURES = (0.05, 20.0)
"""Bounds of a fitted temperature: decisions that are all right, or as good as drawn, would take it to 0 or infinity."""

_HALVINGS = 60


def softmax(logits: Floats, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities (n, R) that logits (n, R) stand for; raises ConfigError unless temperature > 0."""
    if not temperature > 0:
        raise ConfigError(f"a temperature must be positive, got {temperature}")
    shifted = (logits.astype(np.float64) - logits.max(axis=1, keepdims=True)) / temperature
    numerator = np.exp(shifted)
    probability: NDArray[np.float64] = numerator / numerator.sum(axis=1, keepdims=True)
    return probability


def fit_temperature(logits: Floats, label: Labels) -> float:
    """Return the temperature at which the labels (n,) are likeliest, within TEMPERATURES.

    The likelihood is concave in 1 / temperature, so halving the interval where its slope changes sign finds it.
    Raises DataError where there is no decision, or logits and labels disagree.
    """
    _check(logits, label)
    chosen = np.take_along_axis(logits, label[:, None].astype(np.intp), axis=1)[:, 0]
    low, high = (np.log(bound) for bound in TEMPERATURES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = (softmax(logits, temperature=float(np.exp(middle))) * logits).sum(axis=1)
        if (chosen - expected).mean() > 0:  # sharper is likelier
            high = middle
        else:
            low = middle
    return float(np.exp((low + high) / 2))


def negative_log_likelihood(probability: Floats, label: Labels) -> float:
    """Return the mean of -log p of the true rooms, in nats; integers' zeros count as half a step of 2^-15."""
    _check(probability, label)
    chosen = np.take_along_axis(probability, label[:, None].astype(np.intp), axis=1)
    return float(-np.log(np.maximum(chosen, 2.0**-16)).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reliability:
    """Confidence against accuracy, in bins of equal width over 0..1; NaN in a bin without decisions."""

    count: NDArray[np.int64]  # (B,) decisions
    confidence: NDArray[np.float64]  # (B,) mean
    accuracy: NDArray[np.float64]  # (B,)

    @property
    def expected_calibration_error(self) -> float:
        """Mean gap between confidence and accuracy, bins weighted by their decisions (Guo et al. 2017, Equation 3)."""
        filled = self.count > 0
        gap = np.abs(self.confidence[filled] - self.accuracy[filled])
        return float((self.count[filled] * gap).sum() / self.count.sum())

    def records(self) -> list[dict[str, float]]:
        """Return one flat record for each bin that has decisions."""
        return [
            {"count": int(n), "confidence": float(c), "accuracy": float(a)}
            for n, c, a in zip(self.count, self.confidence, self.accuracy, strict=True)
            if n
        ]


def reliability(probability: Floats, label: Labels, *, bins: int = 15) -> Reliability:
    """Return how often the likeliest room is the true one, by how likely it was said to be.

    Raises DataError as `fit_temperature`, ConfigError for less than one bin.
    """
    _check(probability, label)
    if bins < 1:
        raise ConfigError(f"a reliability diagram needs at least 1 bin, got {bins}")
    confidence = probability.max(axis=1).astype(np.float64)
    correct = probability.argmax(axis=1) == label
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)  # bins (k / B, (k + 1) / B]
    count = np.bincount(bin_of, minlength=bins)
    mean = [
        np.divide(np.bincount(bin_of, weights=value, minlength=bins), count, out=np.full(bins, np.nan), where=count > 0)
        for value in (confidence, correct.astype(np.float64))
    ]
    return Reliability(count=count, confidence=mean[0], accuracy=mean[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selective:
    """What is left where a program answers only from a threshold of confidence on, and "unknown" below."""

    threshold: float
    coverage: float  # share of decisions answered
    accuracy: float  # of those; NaN where none is


def answered(probability: Floats, label: Labels, *, threshold: float) -> Selective:
    """Return coverage and accuracy at a threshold; the likeliest room is answered where its p >= threshold."""
    _check(probability, label)
    answers = probability.max(axis=1) >= threshold
    right = probability.argmax(axis=1) == label
    accuracy = float(right[answers].mean()) if answers.any() else float("nan")
    return Selective(threshold=threshold, coverage=float(answers.mean()), accuracy=accuracy)


def threshold_for_coverage(probability: Floats, label: Labels, *, coverage: float) -> Selective:
    """Return the highest threshold at which at least `coverage` of these decisions is still answered.

    Raises ConfigError for a coverage outside (0, 1], DataError as `fit_temperature`.
    """
    _check(probability, label)
    if not 0 < coverage <= 1:
        raise ConfigError(f"coverage must lie in (0, 1], got {coverage}")
    falling = np.sort(probability.max(axis=1))[::-1]
    last = int(np.ceil(coverage * len(falling) - 1e-9)) - 1
    return answered(probability, label, threshold=float(falling[last]))


def threshold_for_accuracy(probability: Floats, label: Labels, *, accuracy: float) -> Selective:
    """Return the threshold that answers most of these decisions with at least this accuracy among the answered.

    Raises ConfigError for an accuracy outside (0, 1], DataError where no threshold reaches it, and as above.
    """
    _check(probability, label)
    if not 0 < accuracy <= 1:
        raise ConfigError(f"accuracy must lie in (0, 1], got {accuracy}")
    confidence = probability.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    right = (probability.argmax(axis=1) == label)[order]
    share = np.cumsum(right) / np.arange(1, len(right) + 1)
    is_last_of_its_confidence = np.append(np.diff(confidence[order]) != 0, True)  # a threshold takes all or none
    reached = np.flatnonzero((share >= accuracy) & is_last_of_its_confidence)
    if not len(reached):
        raise DataError(
            f"no threshold answers with an accuracy of {accuracy}; the most confident decisions have "
            f"{share[is_last_of_its_confidence].max():.3f}. Ask for less, or train a better model."
        )
    return answered(probability, label, threshold=float(confidence[order][reached[-1]]))


def _check(scores: Floats, label: Labels) -> None:
    if scores.ndim != 2 or label.shape != scores.shape[:1] or len(label) == 0:
        raise DataError(
            f"confidence needs scores (n, R) and labels (n,) of at least one decision, got {scores.shape} and "
            f"{label.shape}"
        )
    if label.min() < 0 or label.max() >= scores.shape[1]:
        raise DataError(
            f"labels run from {label.min()} to {label.max()}; there are rooms 0..{scores.shape[1] - 1}. "
            "Drop unlabelled decisions first."
        )
