"""Temporal decoding of held-out recordings, with everything that it needs chosen on the training side of each fold.

For fold i, transitions, priors and the shape of the evidence come from the recordings other than i. The evidence is
chosen by decoding each of those, j, with the probabilities of a classifier that saw neither i nor j.
Glossary: `n` decisions of a recording, `R` rooms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from smidgen.decoding import (
    EvidenceConfig,
    Transitions,
    adjacency_only,
    fixed_lag_max_product,
    forward_filter,
    learn_transitions,
    log_evidence,
    observed_adjacency,
    on_grid,
    stay_probability,
    viterbi,
)
from smidgen.decoding.transitions import Visits
from smidgen.errors import ConfigError, DataError, nearest
from smidgen.training.metrics import RARE_BELOW, score

CANDIDATES = tuple(
    EvidenceConfig(alpha=alpha, sharpness=sharpness)
    for alpha, sharpness in product((0.0, 0.5, 1.0), (0.25, 0.5, 1.0, 2.0, 4.0))
)
"""What is tried for the evidence."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """The decisions of one recording, and what a classifier that never saw it says of them."""

    index: NDArray[np.intp]  # (n,) number of each decision
    label: NDArray[np.int16]  # (n,) its true room
    probabilities: NDArray[np.float64]  # (n, R)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """Where the transitions come from and how the chain is decoded; both off where there is no decoding at all."""

    transitions: str = "off"  # "off", or one of TRANSITIONS
    method: str = "off"  # "off", or one of METHODS

    def __post_init__(self) -> None:
        if self.transitions == self.method == "off":
            return
        for what, name, known in (("transitions", self.transitions, TRANSITIONS), ("method", self.method, METHODS)):
            if name not in known:
                raise ConfigError(f"there is no decoding with {what} {name!r}; {nearest(name, known)}")

    @property
    def delay_decisions(self) -> int | None:
        """How many decisions the answer comes late; None for the end of the recording."""
        return METHODS[self.method].delay_decisions if self.method != "off" else 0

    def delay_s(self, hop_s: float) -> float | None:
        """Return the delay for decisions every `hop_s` seconds; None for the end of the recording."""
        return None if self.delay_decisions is None else self.delay_decisions * hop_s


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecodedFold:
    """The decoded rooms of one held-out recording, and what its training side chose."""

    rooms: NDArray[np.int16]  # (n,)
    evidence: EvidenceConfig | None  # None without decoding


def decode_folds(
    outer: Sequence[HeldOut], inner: Mapping[tuple[int, int], HeldOut], decoding: Decoding, *, rooms: Sequence[str]
) -> tuple[DecodedFold, ...]:
    """Decode every recording once, held out.

    Args: outer, recording i as the classifier says that was trained on all others; inner[i, j], recording j as the
    classifier says that saw neither i nor j, for every i != j (the training of a pair serves both of its orders).
    Returns one entry a recording. Raises DataError where an inner recording is missing.
    """
    if decoding.method == "off":
        return tuple(DecodedFold(rooms=_best(one.probabilities), evidence=None) for one in outer)
    return tuple(_decode_fold(i, outer, inner, decoding, rooms) for i in range(len(outer)))


def held_out_sets(n_recordings: int) -> list[tuple[int, ...]]:
    """Return which recordings to leave out of a training each time: every one alone, then every pair."""
    return [*((i,) for i in range(n_recordings)), *combinations(range(n_recordings), 2)]


def outer_and_inner(
    found: Mapping[tuple[int, ...], Sequence[HeldOut]],
) -> tuple[list[HeldOut], dict[tuple[int, int], HeldOut]]:
    """Return what `decode_folds` takes, from the recordings of each of `held_out_sets`, in the order of the set."""
    outer = [found[held_out][0] for held_out in sorted(found) if len(held_out) == 1]
    inner = {}
    for held_out, (first, second) in ((key, value) for key, value in found.items() if len(key) == 2):
        i, j = held_out
        inner[i, j], inner[j, i] = second, first
    return outer, inner


def make_transitions(name: str, recordings: Sequence[Visits], n_rooms: int) -> Transitions:
    """Return the transitions of one of TRANSITIONS, from labelled recordings."""
    return TRANSITIONS[name](recordings, n_rooms)


def room_shares(recordings: Sequence[Visits], n_rooms: int) -> NDArray[np.float64]:
    """Return the share (R,) of each room among the decisions: the prior of a classifier trained without weights."""
    counts = np.bincount(np.concatenate([visits.label for visits in recordings]), minlength=n_rooms)
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def common_rooms(recordings: Sequence[Visits], rooms: Sequence[str]) -> tuple[str, ...]:
    """Return the rooms with decisions enough on a training side to choose by; all of them where none has."""
    counts = np.bincount(np.concatenate([visits.label for visits in recordings]), minlength=len(rooms))
    return tuple(room for room, n in zip(rooms, counts, strict=True) if n >= RARE_BELOW) or tuple(rooms)


def best_candidate(
    truth: NDArray[np.int16], tried: Iterable[NDArray[np.int16]], *, rooms: Sequence[str], common: Sequence[str]
) -> EvidenceConfig:
    """Return the candidate of highest macro-F1 over the common rooms that occur, the first of the best.

    Args: truth (n,); tried, the rooms (n,) that were decoded under each of CANDIDATES.
    """
    found = []
    for each in tried:
        f1 = score(truth, each, rooms=rooms).f1
        found.append(np.mean([f1[room] for room in common if not np.isnan(f1[room])] or [0.0]))
    return CANDIDATES[int(np.argmax(found))]


def _decode_fold(
    i: int, outer: Sequence[HeldOut], inner: Mapping[tuple[int, int], HeldOut], decoding: Decoding, rooms: Sequence[str]
) -> DecodedFold:
    others = [j for j in range(len(outer)) if j != i]
    missing = [j for j in others if (i, j) not in inner]
    if missing:
        raise DataError(f"fold {i} chooses on recordings {others}, but there are no inner probabilities of {missing}")
    sides = [_Side.of([outer[k] for k in others if k != j], decoding, len(rooms)) for j in others]
    training = [outer[j] for j in others]
    tried = [side.decode(inner[i, j], CANDIDATES) for side, j in zip(sides, others, strict=True)]
    chosen = best_candidate(
        np.concatenate([one.label for one in training]),
        np.concatenate(tried, axis=1),
        rooms=rooms,
        common=common_rooms(training, rooms),
    )
    whole = _Side.of(training, decoding, len(rooms))
    return DecodedFold(rooms=whole.decode(outer[i], [chosen])[0], evidence=chosen)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """What the training side of a fold gives to decoding."""

    transitions: Transitions
    prior: NDArray[np.float64]
    method: str

    @classmethod
    def of(cls, recordings: Sequence[Visits], decoding: Decoding, n_rooms: int) -> _Side:
        return cls(
            transitions=make_transitions(decoding.transitions, recordings, n_rooms),
            prior=room_shares(recordings, n_rooms),
            method=decoding.method,
        )

    def decode(self, held_out: HeldOut, candidates: Sequence[EvidenceConfig]) -> NDArray[np.int16]:
        """Return the rooms of all decisions under each candidate, (candidates, n)."""
        evidence = [log_evidence(held_out.probabilities, self.prior, candidate) for candidate in candidates]
        grids = np.stack([on_grid(each, held_out.index) for each in evidence])
        rooms: NDArray[np.int16] = METHODS[self.method].decode(grids, self.transitions)
        return rooms[:, held_out.index - held_out.index[0]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way of decoding: evidence (..., n, R) to rooms (..., n)."""

    delay_decisions: int | None  # None: until the end
    decode: Callable[[NDArray[np.float64], Transitions], NDArray[np.int16]]


def _best(scores: NDArray[np.float64]) -> NDArray[np.int16]:
    best: NDArray[np.int16] = scores.argmax(axis=-1).astype(np.int16)
    return best


def _fixed_lag(lag: int) -> Method:
    return Method(
        delay_decisions=lag,
        decode=lambda evidence, transitions: _best(fixed_lag_max_product(evidence, transitions, lag=lag)),
    )


def _adjacency(recordings: Sequence[Visits], n_rooms: int) -> Transitions:
    """Return the graph of the ways that were walked; of how often they were, only the one share of staying."""
    return adjacency_only(
        observed_adjacency(recordings, n_rooms=n_rooms), stay=stay_probability(recordings, n_rooms=n_rooms)
    )


METHODS: Mapping[str, Method] = {
    "filter": Method(delay_decisions=0, decode=lambda e, transitions: _best(forward_filter(e, transitions))),
    "max-product": _fixed_lag(0),
    "fixed-lag-1": _fixed_lag(1),
    "fixed-lag-2": _fixed_lag(2),
    "viterbi": Method(delay_decisions=None, decode=viterbi),
}
_Source: TypeAlias = Callable[[Sequence[Visits], int], Transitions]
TRANSITIONS: Mapping[str, _Source] = {
    "adjacency": _adjacency,
    "learned": lambda recordings, n_rooms: learn_transitions(recordings, n_rooms=n_rooms),
}
