"""Temporal decoding by name: which transitions between rooms, and how long an answer waits.

"adjacency" knows which rooms somebody went between and how long rooms are stayed in, "learned" how often each way was
taken: on scripted recordings that helps more than it would in life, so both stand beside "off". All decoders follow the
best path, as the one does that compiles into firmware (`models.RoomDecoder`); with a lag it hears what comes after.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smidgen.decoding import EvidenceConfig, Transitions, log_evidence
from smidgen.errors import ConfigError, nearest
from smidgen.localisation.answers import Probabilities
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.training.decoded_folds import METHODS, make_transitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """A method of `training.decoded_folds` over one of its transitions."""

    transitions: str
    method: str

    @property
    def delay_decisions(self) -> int | None:
        """How many decisions an answer waits; None: to the end of the recording, which no device does."""
        return METHODS[self.method].delay_decisions

    @property
    def delay_s(self) -> float | None:
        """The same in seconds."""
        return None if self.delay_decisions is None else self.delay_decisions * HOP_S


OFF = "off"
_METHODS = {"lag 0 s": "max-product", "lag 4 s": "fixed-lag-2", "Viterbi": "viterbi"}
DECODINGS = {
    f"{transitions}, {name}": Decoding(transitions=transitions, method=method)
    for transitions in ("adjacency", "learned")
    for name, method in _METHODS.items()
}
EVERY_DECODING = (OFF, *DECODINGS)
ON_A_DEVICE = (OFF, *(name for name, decoding in DECODINGS.items() if decoding.delay_s is not None))


def check_decoding(name: str) -> None:
    """Raise ConfigError for an unknown name, with the nearest there is."""
    if name not in EVERY_DECODING:
        raise ConfigError(f"there is no decoding {name!r}; {nearest(name, EVERY_DECODING)}")


def delay_of(name: str) -> float | None:
    """Return how long a decoded answer waits, in seconds; None: to the end of the recording."""
    return 0.0 if name == OFF else DECODINGS[name].delay_s


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
