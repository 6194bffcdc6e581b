"""Transitions between rooms from one decision to the next: learned, from the house's graph alone, or from a CRF.

Glossary: `R` rooms, `n` decisions of one recording. Matrices have the room before in rows, the room after in columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError, DataError

LONGEST_GAP = 3
"""Decisions that stand further apart than this say nothing of a single transition: too much can have happened."""


class Visits(Protocol):
    """The rooms of one recording, decision by decision, as `data.decide` gives them."""

    @property
    def index(self) -> NDArray[np.intp]:
        """(n,) number of each labelled decision, increasing; a step of more than 1 is a gap."""
        ...

    @property
    def label(self) -> NDArray[np.int16]:
        """(n,) its room."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transitions:
    """A Markov chain over rooms, one step a decision: weights, not below 0, 0 for what cannot be.

    Rows of a hidden Markov model sum to 1; the potentials of a CRF need not: every decoder here takes both.
    """

    initial: NDArray[np.float64]  # (R,)
    matrix: NDArray[np.float64]  # (R, R)

    def __post_init__(self) -> None:
        n = len(self.initial)
        if self.initial.shape != (n,) or self.matrix.shape != (n, n) or n < 2:
            raise ConfigError(
                f"transitions need weights (R,) and (R, R) of at least 2 rooms, got {self.initial.shape} and "
                f"{self.matrix.shape}"
            )
        for what, weights in (("the first decision", self.initial[None]), ("a transition", self.matrix)):
            if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any(axis=1).all()):
                raise ConfigError(
                    f"weights of {what} must be finite, not below 0, and not all 0 in a row; got {weights.tolist()}"
                )

    @classmethod
    def from_scores(cls, initial: NDArray[np.floating], matrix: NDArray[np.floating]) -> Transitions:
        """Return the transitions of a linear-chain CRF: scores (R,) of the first room and (R, R) from room to room.

        Scores are logarithms of potentials up to a constant, which no decoder sees (Lafferty et al. 2001).
        """
        first, scores = np.asarray(initial, np.float64), np.asarray(matrix, np.float64)
        return cls(initial=np.exp(first - first.max()), matrix=np.exp(scores - scores.max()))

    @property
    def n_rooms(self) -> int:
        """R."""
        return len(self.initial)

    @property
    def log_initial(self) -> NDArray[np.float64]:
        """(R,) natural logarithms, -inf for what cannot be."""
        return _log(self.initial)

    @property
    def log_matrix(self) -> NDArray[np.float64]:
        """(R, R) natural logarithms, -inf for what cannot be."""
        return _log(self.matrix)


def learn_transitions(
    recordings: Sequence[Visits], *, n_rooms: int, smoothing: float = 1.0, longest_gap: int = LONGEST_GAP
) -> Transitions:
    """Return the transitions counted from decision to decision, with `smoothing` added to every count (Laplace).

    Across a gap of up to `longest_gap` decisions the room before is taken to last until the decision behind the gap;
    across a longer one nothing is counted, as between two recordings. Every first room is equally likely: where
    somebody puts the device on is not known, and scripted recordings would teach the script.
    Raises ConfigError for smoothing that is not positive, DataError where there is no transition or a room is unknown.
    """
    if not smoothing > 0:
        raise ConfigError(f"smoothing must be above 0, or a transition never seen could never happen; got {smoothing}")
    counts = _counts(recordings, n_rooms, longest_gap) + smoothing
    return Transitions(initial=np.full(n_rooms, 1 / n_rooms), matrix=counts / counts.sum(axis=1, keepdims=True))


def adjacency_only(adjacent: NDArray[np.bool_], *, stay: float, elsewhere: float = 1e-4) -> Transitions:
    """Return the transitions that the graph of the house gives: no room and no way is likelier than another.

    Args: adjacent (R, R), which rooms touch; its diagonal is not read; stay, probability of the same room at the next
    decision; elsewhere, share of the leaving that goes to rooms that do not touch: decisions can miss a hall.
    Raises ConfigError for another shape or a probability outside (0, 1).
    """
    for what, probability in (("stay", stay), ("elsewhere", elsewhere)):
        if not 0 < probability < 1:
            raise ConfigError(f"{what} must lie between 0 and 1, got {probability}")
    n = len(adjacent)
    if adjacent.shape != (n, n):
        raise ConfigError(f"a house graph says of each pair of rooms whether they touch, (R, R); got {adjacent.shape}")
    others = ~np.eye(n, dtype=np.bool_)
    near, far = adjacent & others, ~adjacent & others
    matrix = np.zeros((n, n))
    for room in range(n):
        leaving = [(near[room], 1 - elsewhere), (far[room], elsewhere)]
        if not (near[room].any() and far[room].any()):
            leaving = [(others[room], 1.0)]
        for reached, share in leaving:
            matrix[room, reached] = (1 - stay) * share / reached.sum()
        matrix[room, room] = stay
    return Transitions(initial=np.full(n, 1 / n), matrix=matrix)


def observed_adjacency(
    recordings: Sequence[Visits], *, n_rooms: int, longest_gap: int = LONGEST_GAP
) -> NDArray[np.bool_]:
    """Return which rooms (R, R) somebody ever went between, in either direction: the set, not how often."""
    moved = _counts(recordings, n_rooms, longest_gap) > 0
    np.fill_diagonal(moved, False)
    touching: NDArray[np.bool_] = moved | moved.T
    return touching


def stay_probability(recordings: Sequence[Visits], *, n_rooms: int, longest_gap: int = LONGEST_GAP) -> float:
    """Return the share of decisions that kept the room of the one before, over all rooms."""
    counts = _counts(recordings, n_rooms, longest_gap)
    return float(np.trace(counts) / counts.sum())


def _counts(recordings: Sequence[Visits], n_rooms: int, longest_gap: int) -> NDArray[np.float64]:
    """Return how many transitions (R, R) were seen; DataError where none was."""
    counts = np.zeros((n_rooms, n_rooms))
    for before, after, gap in _neighbours(recordings):
        if max(before, after) >= n_rooms or min(before, after) < 0:
            raise DataError(f"a decision says room {max(before, after)}; there are rooms 0..{n_rooms - 1}")
        if gap <= longest_gap:
            counts[before, before] += gap - 1
            counts[before, after] += 1
    if not counts.any():
        raise DataError(f"no transition to learn from in {len(recordings)} recordings. Add labelled ones.")
    return counts


def _neighbours(recordings: Sequence[Visits]) -> Iterator[tuple[int, int, int]]:
    """Yield the rooms of neighbouring decisions, and how many decisions lie from one to the other."""
    for visits in recordings:
        rooms, gaps = visits.label.tolist(), np.diff(visits.index).tolist()
        yield from zip(rooms[:-1], rooms[1:], gaps, strict=True)


def _log(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    out = np.full_like(weights, -np.inf)
    np.log(weights, out=out, where=weights > 0)
    return out
