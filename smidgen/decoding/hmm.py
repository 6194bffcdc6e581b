"""Decoding a chain of decisions: filter, smoothing with a fixed lag, offline smoothing and Viterbi (Rabiner 1989).

Row t of every result speaks of decision t. A filter hears the evidence up to t; a lag d, that up to t + d, so that on a
device its answer comes d decisions later; the offline ones hear everything.
Glossary: `n` decisions, `R` rooms. Evidence (n, R) is a logarithm, up to a constant per decision; several weighings of
the same decisions may stand in front, (..., n, R), and are decoded side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smidgen.decoding.transitions import Transitions
from smidgen.errors import ConfigError, DataError

Scores: TypeAlias = NDArray[np.float64]
_Reduce: TypeAlias = Callable[[Scores], Scores]  # (..., R, R) -> (..., R), over the axis before the last


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
    scores -= scores.max(axis=-1, keepdims=True)
    return scores


def forward_backward(evidence: Scores, transitions: Transitions) -> Scores:
    """Return the probability (n, R) of each room given all evidence."""
    return fixed_lag_smoothing(evidence, transitions, lag=evidence.shape[-2])


def viterbi(evidence: Scores, transitions: Transitions) -> NDArray[np.int16]:
    """Return the most probable sequence (n,) of rooms given all evidence."""
    _check(evidence, transitions)
    n, step = evidence.shape[-2], transitions.log_matrix
    score = evidence[..., 0, :] + transitions.log_initial
    came_from = np.empty(evidence.shape, dtype=np.intp)
    for t in range(1, n):
        reached = score[..., :, None] + step
        came_from[..., t, :] = reached.argmax(axis=-2)
        score = evidence[..., t, :] + reached.max(axis=-2)
    path = np.empty(evidence.shape[:-1], dtype=np.int16)
    path[..., -1] = room = score.argmax(axis=-1)
    for t in range(n - 1, 0, -1):
        room = np.take_along_axis(came_from[..., t, :], room[..., None], axis=-1)[..., 0]
        path[..., t - 1] = room
    return path


def _forward(evidence: Scores, transitions: Transitions, reduce: _Reduce) -> Scores:
    """Return the score (n, R) of all that leads to each room, the best of each decision 0."""
    _check(evidence, transitions)
    step = transitions.log_matrix
    expected = transitions.log_initial
    scores = np.empty_like(evidence)
    for t in range(evidence.shape[-2]):
        score = evidence[..., t, :] + expected
        score = score - score.max(axis=-1, keepdims=True)
        scores[..., t, :] = score
        expected = reduce(score[..., :, None] + step)
    return scores


def _lagged(evidence: Scores, transitions: Transitions, lag: int, reduce: _Reduce) -> Scores:
    """Return forward scores plus what the next `lag` decisions say of each room, (n, R)."""
    if lag < 0:
        raise ConfigError(f"lag must be 0 decisions or more, got {lag}")
    forward = _forward(evidence, transitions, reduce)
    n, step = evidence.shape[-2], transitions.log_matrix.T  # (after, before)
    behind = np.zeros_like(forward)
    if lag < n:
        for ahead in range(lag, 0, -1):  # from the last decision heard back to the one behind t
            onward = evidence[..., ahead:, :] + behind[..., : n - ahead, :]
            behind[..., : n - ahead, :] = reduce(onward[..., :, None] + step)
        return forward + behind
    for t in range(n - 1, 0, -1):  # one walk back serves all
        onward = reduce((evidence[..., t, :] + behind[..., t, :])[..., :, None] + step)
        behind[..., t - 1, :] = onward - onward.max(axis=-1, keepdims=True)
    return forward + behind


def _check(evidence: Scores, transitions: Transitions) -> None:
    if evidence.ndim < 2 or evidence.shape[-1] != transitions.n_rooms or not evidence.shape[-2]:
        raise DataError(
            f"evidence must be of at least one decision over {transitions.n_rooms} rooms, got {evidence.shape}"
        )
    if not np.isfinite(evidence).all():
        raise DataError("evidence must be finite: floor probabilities before taking logarithms")


def _maximum(scores: Scores) -> Scores:
    best: Scores = scores.max(axis=-2)
    return best


def _log_sum(scores: Scores) -> Scores:
    summed: Scores = np.logaddexp.reduce(scores, axis=-2)
    return summed


def _probabilities(scores: Scores) -> Scores:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Scores = weights / weights.sum(axis=-1, keepdims=True)
    return probabilities
