"""Self-training: what a teacher is sure of in recordings without rooms becomes labels (Scudder 1965; Lee 2013).

Motion sensors are weak evidence beside the teacher: the one in the person's room is likelier to fire than any other,
but somebody else may fire one, and nobody who sits still. So a sensor raises the odds of its room: a doubtful answer
that it speaks for passes, one that it speaks against does not.
Glossary: `n` decisions, `R` rooms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smidgen.data import UNLABELLED, Recording, decide
from smidgen.data.intervals import interval_of
from smidgen.data.sphere_unlabelled import UnlabelledSequence
from smidgen.errors import ConfigError, DataError

Probabilities = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTrainingConfig:
    """When a teacher's answer counts as a label."""

    confidence: float = 0.9  # least probability, sensors included
    sensor_odds: float = 10.0  # how much likelier the sensor of the person's room fires than another; 1: no evidence

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise ConfigError(f"self-training: confidence must lie in [0, 1], got {self.confidence}")
        if not self.sensor_odds >= 1.0:
            raise ConfigError(f"self-training: sensor_odds must be at least 1, got {self.sensor_odds}")


def pseudo_labelled(
    sequences: Sequence[UnlabelledSequence],
    teacher: Callable[[Recording], Probabilities],
    config: SelfTrainingConfig,
    *,
    hop_s: float = 2.0,
) -> list[Recording]:
    """Return the sequences with the rooms that the teacher is sure of, as recordings to train on beside labelled ones.

    Args: teacher, which gives the probability (n, R) of each room at each decision of a recording, as `decide` lists
    them; it may have seen nothing that is held out. A sequence without any sure decision is left out.
    Raises DataError where the teacher answers other decisions or rooms.
    """
    labelled = []
    for sequence in sequences:
        decisions = decide(sequence.as_if_labelled, hop_s=hop_s)
        if not len(decisions):
            continue
        probabilities = teacher(sequence.as_if_labelled)
        expected = (len(decisions), len(sequence.recording.rooms))
        if probabilities.shape != expected:
            raise DataError(
                f"the teacher answered {probabilities.shape} for {sequence.recording.name}, which asks for {expected} "
                "(decisions, rooms); use one of the same home and hop"
            )
        label = pseudo_labels(probabilities, sequence.fired(decisions.time_s, hop_s=hop_s), config)
        if (label != UNLABELLED).any():
            labelled.append(_with_rooms(sequence.recording, decisions.index, label, hop_s))
    return labelled


def pseudo_labels(
    probabilities: Probabilities, fired: NDArray[np.bool_], config: SelfTrainingConfig
) -> NDArray[np.int16]:
    """Return the room (n,) of each decision that is sure enough, UNLABELLED for the others.

    Args: probabilities (n, R) of the teacher; fired (n, R), which rooms' sensors did.
    """
    weighed = probabilities * np.where(fired, config.sensor_odds, 1.0)
    weighed = weighed / weighed.sum(axis=1, keepdims=True)
    sure = weighed.max(axis=1) >= config.confidence
    return np.where(sure, weighed.argmax(axis=1), UNLABELLED).astype(np.int16)


def _with_rooms(recording: Recording, index: NDArray[np.intp], label: NDArray[np.int16], hop_s: float) -> Recording:
    """Return the recording with the room of each decision over all of its interval."""
    interval = interval_of(recording.time_s, hop_s)
    of_interval = np.full(max(int(interval[-1]), int(index[-1])) + 1, UNLABELLED, dtype=np.int16)
    of_interval[index] = label
    return replace(recording, room=of_interval[interval])
