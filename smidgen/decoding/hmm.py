"""Decoding a chain of decisions: filter, smoothing with a fixed lag, offline smoothing and Viterbi (Rabiner 1989).

Row t of every result speaks of decision t. A filter hears the evidence up to t; a lag d, that up to t + d, so that on a
device its answer comes d decisions later; the offline ones hear everything.
Glossary: `n` decisions, `R` rooms. Evidence (n, R) is a logarithm, up to a constant per decision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smidgen.decoding.transitions import Transitions
from smidgen.errors import ConfigError, DataError

Scores: TypeAlias = NDArray[np.float64]
_Reduce: TypeAlias = Callable[[Scores], Scores]  # (R, R) -> (R,), over the first axis


def forward_filter(evidence: Scores, transitions: Transitions) -> Scores:
    """Return the probability (n, R) of each room given the evidence so far (the forward algorithm, scaled)."""
    return _probabilities(_forward(evidence, transitions, _log_sum))


def fixed_lag_smoothing(evidence: Scores, transitions: Transitions, *, lag: int) -> Scores:
    """Return the probability (n, R) of each room at t given the evidence up to t + lag, or to the end if that is near.

    Raises ConfigError for a negative lag.
    """
    return _probabilities(_lagged(evidence, transitions, lag, _log_sum))


def fixed_lag_max_product(evidence: Scores, transitions: Transitions, *, lag: int) -> Scores:
    """Return the score (n, R) of the best path through each room at t, on the evidence up to t + lag; best is 0.

    In logarithms all of it is sums and maxima: what `models.RoomDecoder` computes in integers. With a lag of n the best
    rooms are the Viterbi path. Raises ConfigError for a negative lag.
    """
    scores = _lagged(evidence, transitions, lag, _maximum)
    scores -= scores.max(axis=1, keepdims=True)
    return scores


def forward_backward(evidence: Scores, transitions: Transitions) -> Scores:
    """Return the probability (n, R) of each room given all evidence."""
    return fixed_lag_smoothing(evidence, transitions, lag=len(evidence))


def viterbi(evidence: Scores, transitions: Transitions) -> NDArray[np.int16]:
    """Return the most probable sequence (n,) of rooms given all evidence; of equal ones, the lower rooms last.

    Raises DataError where no path is possible.
    """
    _check(evidence, transitions)
    step = transitions.log_matrix
    score = evidence[0] + transitions.log_initial
    came_from = np.empty(evidence.shape, dtype=np.intp)
    for t in range(1, len(evidence)):
        reached = score[:, None] + step
        came_from[t] = reached.argmax(axis=0)
        score = evidence[t] + reached.max(axis=0)
    path = np.empty(len(evidence), dtype=np.int16)
    path[-1] = score.argmax()
    for t in range(len(evidence) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


def _forward(evidence: Scores, transitions: Transitions, reduce: _Reduce) -> Scores:
    """Return the score (n, R) of all that leads to each room, the best of each decision 0."""
    _check(evidence, transitions)
    step = transitions.log_matrix
    score = transitions.log_initial
    scores = np.empty_like(evidence)
    for t in range(len(evidence)):
        arrived = reduce(score[:, None] + step) if t else score
        score = evidence[t] + arrived
        score = score - score.max()
        scores[t] = score
    return scores


def _lagged(evidence: Scores, transitions: Transitions, lag: int, reduce: _Reduce) -> Scores:
    """Return forward scores plus what the next `lag` decisions say of each room, (n, R)."""
    if lag < 0:
        raise ConfigError(f"lag must be 0 decisions or more, got {lag}")
    forward, step = _forward(evidence, transitions, reduce), transitions.log_matrix.T  # (after, before)
    n, scores = len(evidence), np.empty_like(forward)
    if lag >= n:  # one walk back is enough
        behind = np.zeros(transitions.n_rooms)
        for t in range(n - 1, -1, -1):
            scores[t] = forward[t] + behind
            behind = reduce((evidence[t] + behind)[:, None] + step)
            behind = behind - behind.max()
        return scores
    for t in range(n):
        behind = np.zeros(transitions.n_rooms)
        for later in range(min(t + lag, n - 1), t, -1):
            behind = reduce((evidence[later] + behind)[:, None] + step)
        scores[t] = forward[t] + behind
    return scores


def _check(evidence: Scores, transitions: Transitions) -> None:
    if evidence.ndim != 2 or evidence.shape[1] != transitions.n_rooms or not len(evidence):
        raise DataError(
            f"evidence must be of at least one decision over {transitions.n_rooms} rooms, got {evidence.shape}"
        )
    if not np.isfinite(evidence).all():
        raise DataError("evidence must be finite: floor probabilities before taking logarithms")


def _maximum(scores: Scores) -> Scores:
    best: Scores = scores.max(axis=0)
    return best


def _log_sum(scores: Scores) -> Scores:
    summed: Scores = np.logaddexp.reduce(scores, axis=0)
    return summed


def _probabilities(scores: Scores) -> Scores:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: Scores = weights / weights.sum(axis=1, keepdims=True)
    return probabilities
