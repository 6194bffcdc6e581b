"""Temporal decoding by name: which transitions between rooms, and how long an answer waits.

"adjacency" knows which rooms somebody went between and how long rooms are stayed in, "learned" how often each way was
taken: on scripted recordings that helps more than it would in life, so both stand beside "off". All decoders follow the
best path, as the one does that compiles into firmware (`models.RoomDecoder`), and hear what it hears.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smidgen.data import Recording
from smidgen.decoding import EvidenceConfig, Transitions, log_evidence
from smidgen.errors import ConfigError, nearest
from smidgen.localisation.answers import Answerer, Decodable, Probabilities
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.localisation.stretches import Stretch
from smidgen.training.decoded_folds import METHODS, Decoding, make_transitions

OFF = "off"
_METHODS = {"lag 0 s": "max-product", "lag 4 s": "fixed-lag-2", "Viterbi": "viterbi"}
DECODINGS = {
    OFF: Decoding(),
    **{
        f"{transitions}, {name}": Decoding(transitions=transitions, method=method)
        for transitions in ("adjacency", "learned")
        for name, method in _METHODS.items()
    },
}
EVERY_DECODING = tuple(DECODINGS)
ON_A_DEVICE = tuple(name for name, decoding in DECODINGS.items() if decoding.delay_decisions is not None)


def check_decoding(name: str) -> None:
    """Raise ConfigError for an unknown name, with the nearest there is."""
    if name not in DECODINGS:
        raise ConfigError(f"there is no decoding {name!r}; {nearest(name, DECODINGS)}")


def delay_of(name: str) -> float | None:
    """Return how long a decoded answer waits, in seconds; None: to the end of the recording, which no device does."""
    return DECODINGS[name].delay_s(HOP_S)


def answer(
    model: Answerer, recording: Recording, stretch: Stretch, name: str, fold: Fold, evidence: EvidenceConfig
) -> NDArray[np.int16]:
    """Return the room (K,) that a model names at each decision of a stretch, from `heard_from` on, decoded by name.

    Args: evidence, how much its probabilities are believed.
    """
    if name == OFF:
        return decode(model.probabilities(recording, stretch), OFF, fold, model.prior, evidence)
    decodable: Decodable = model  # type: ignore[assignment]  # what has other decodings than off is
    probabilities = decodable.to_decode(recording, heard_by_decoder(stretch, name))
    rooms = decode(probabilities, name, fold, model.prior, replace(evidence, floor=decodable.floor))
    return rooms[: stretch.end - stretch.heard_from]


def heard_by_decoder(stretch: Stretch, name: str) -> Stretch:
    """Return a stretch with the decisions behind it that a decoder waits for; behind a recording nothing is heard."""
    return replace(stretch, end=stretch.end + (DECODINGS[name].delay_decisions or 0))


def decode(
    probabilities: Probabilities, name: str, fold: Fold, prior: NDArray[np.float64], evidence: EvidenceConfig
) -> NDArray[np.int16]:
    """Return the room (K,) of each decision of a stretch.

    Args: probabilities (K, R) of the classifier, rows of NaN where it was not asked, which say nothing; prior (R,) that
    it learned; evidence, how much its probabilities are believed.
    """
    asked = ~np.isnan(probabilities).any(axis=1)
    if name == OFF:
        alone: NDArray[np.int16] = np.where(asked, np.nan_to_num(probabilities).argmax(axis=1), 0).astype(np.int16)
        return alone
    heard = np.zeros(probabilities.shape)
    if asked.any():
        heard[asked] = log_evidence(probabilities[asked], prior, evidence)
    decoding = DECODINGS[name]
    return METHODS[decoding.method].decode(heard, transitions_of(fold, decoding.transitions))


@lru_cache(maxsize=4)
def transitions_of(fold: Fold, kind: str) -> Transitions:
    """Return the transitions of a fold's training recordings: adjacency or learned."""
    return make_transitions(kind, fold.decisions, len(fold.rooms))
