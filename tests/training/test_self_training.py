"""What a teacher is sure of becomes labels, sensors speak for and against, and what is unsure stays unlabelled."""

import numpy as np
import pytest
from numpy.typing import NDArray

from smidgen.data import UNLABELLED, Recording, decide
from smidgen.data.sphere_unlabelled import UnlabelledSequence
from smidgen.errors import ConfigError, DataError
from smidgen.training.self_training import SelfTrainingConfig, pseudo_labelled, pseudo_labels

CONFIG = SelfTrainingConfig(confidence=0.8, sensor_odds=10.0)


def sequence(number: int = 1) -> UnlabelledSequence:
    """Return ten seconds of one access point; the sensor of room 1 fires from 4.5 to 5 s."""
    time_s = 0.1 * np.arange(1, 101)
    return UnlabelledSequence(
        recording=Recording(
            name=f"unlabelled/{number}",
            home="home",
            subject="somebody",
            time_s=time_s,
            rssi_dbm=np.full((100, 1), -60.0, dtype=np.float32),
            acceleration_g=None,
            room=np.full(100, UNLABELLED, dtype=np.int16),
            rooms=("hall", "kitchen", "living"),
            access_points=("one",),
            present=(True,),
        ),
        start_s=np.array([4.5]),
        end_s=np.array([5.0]),
        room=np.array([1], dtype=np.int16),
    )


def test_a_sensor_confirms_doubt_and_vetoes_certainty() -> None:
    """Sure and silent: kept. Unsure: left, kept where its sensor fires. Sure, but another sensor fires: left."""
    probabilities = np.array([[0.85, 0.1, 0.05], [0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.85, 0.1, 0.05]])
    fired = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    assert pseudo_labels(probabilities, fired, CONFIG).tolist() == [0, UNLABELLED, 0, UNLABELLED]
    deaf = SelfTrainingConfig(confidence=0.8, sensor_odds=1.0)
    assert pseudo_labels(probabilities, fired, deaf).tolist() == [0, UNLABELLED, UNLABELLED, 0]


def test_a_sequence_takes_the_rooms_that_are_sure() -> None:
    """Its decisions are then those with a label and no others; signals are untouched; one that is never sure goes."""
    answers = np.array([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3], [0.3, 0.4, 0.3], [0.0, 0.0, 1.0], [0.5, 0.3, 0.2]])

    def teacher(recording: Recording) -> NDArray[np.float64]:
        return answers if recording.name == "unlabelled/1" else np.tile([0.5, 0.1, 0.4], (5, 1))

    (labelled,) = pseudo_labelled([sequence(1), sequence(2)], teacher, CONFIG)
    decisions = decide(labelled)
    assert decisions.index.tolist() == [0, 2, 3]  # 4 to 6 s: the sensor makes 0.4 of the kitchen 0.87
    assert decisions.label.tolist() == [0, 1, 2]
    assert np.array_equal(labelled.rssi_dbm, sequence().recording.rssi_dbm)


def test_a_teacher_of_other_decisions_or_settings_out_of_range_are_refused() -> None:
    """The recording, both shapes, and what to use instead."""
    with pytest.raises(DataError, match=r"answered \(4, 3\) for unlabelled/1, which asks for \(5, 3\)"):
        pseudo_labelled([sequence()], lambda recording: np.full((4, 3), 1 / 3), CONFIG)
    with pytest.raises(ConfigError, match=r"confidence must lie in \[0, 1\], got 2"):
        SelfTrainingConfig(confidence=2.0)
    with pytest.raises(ConfigError, match="sensor_odds must be at least 1, got 0"):
        SelfTrainingConfig(sensor_odds=0.0)
