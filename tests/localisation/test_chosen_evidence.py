"""Evidence for decoding is chosen on a training recording, by a training that did not have it, once a fold."""

from dataclasses import replace

import numpy as np
import pytest

from smidgen.data import Split
from smidgen.data.simulate import simulate_home
from smidgen.errors import CheckpointError
from smidgen.localisation.contestants import Contestant
from smidgen.localisation.decodings import ON_A_DEVICE
from smidgen.localisation.evidence import UNCHOSEN, choose_evidence
from smidgen.training.decoded_folds import CANDIDATES


class Honest:
    """Names the true room with some confidence, and errs now and then."""

    parameters = None
    floor = 1e-3

    def __init__(self, fold):
        self.prior = np.full(len(fold.rooms), 1 / len(fold.rooms))

    def probabilities(self, recording, stretch):
        room = np.maximum(recording.room_at((np.arange(stretch.end) + 0.5) * 2.0), 0)
        room = np.where(np.arange(stretch.end) % 9 == 4, (room + 1) % len(recording.rooms), room)
        answers = np.full((stretch.end, len(recording.rooms)), 0.4 / (len(recording.rooms) - 1))
        answers[np.arange(stretch.end), room] = 0.6
        return answers[stretch.heard_from :]

    def to_decode(self, recording, stretch):
        return self.probabilities(recording, stretch)


@pytest.fixture
def home(fold):
    """Three training recordings, one held out."""
    days = [simulate_home(1).record(day, 240.0) for day in range(4)]
    return replace(fold, split=Split(name="day-3", train=tuple(days[:3]), test=(days[3],)))


def contestant(asked):
    def fit(fold, *, seed, folder):
        asked.append({recording.name for recording in fold.split.train})
        return Honest(fold)

    return Contestant(role="student", fit=fit, decodings=ON_A_DEVICE, budget_s=1.0)


def test_evidence_is_chosen_without_the_recording_that_judges_it(home, tmp_path):
    """The inner training has two of the three; the held-out recording is in none; a second call reads it back."""
    asked = []
    chosen = choose_evidence("honest", contestant(asked), home, folder=tmp_path)
    assert set(chosen) == set(ON_A_DEVICE)
    assert all(chosen[name] in CANDIDATES for name in ON_A_DEVICE[1:])
    (inner,) = asked
    assert len(inner) == 2
    assert inner < {recording.name for recording in home.split.train}
    assert choose_evidence("honest", contestant(asked), home, folder=tmp_path) == chosen
    assert len(asked) == 1


def test_other_recordings_of_the_same_names_are_not_answered_from_before(home, tmp_path):
    """What was chosen is that of the recordings that were there: their names alone do not bring it back."""
    choose_evidence("honest", contestant([]), home, folder=tmp_path)
    others = tuple(replace(simulate_home(1).record(day + 7, 240.0), name=old.name)
                   for day, old in enumerate(home.split.train))  # fmt: skip
    changed = replace(home, split=replace(home.split, train=others))
    with pytest.raises(CheckpointError, match="is the result of another job: recordings is"):
        choose_evidence("honest", contestant([]), changed, folder=tmp_path)


def test_a_single_recording_leaves_nothing_to_choose(home, tmp_path):
    """Nothing is trained, and every decoding has the same evidence."""
    alone = replace(home, split=Split(name="day-1", train=home.split.train[:1], test=home.split.train[1:2]))
    asked = []
    assert set(choose_evidence("honest", contestant(asked), alone, folder=tmp_path).values()) == {UNCHOSEN}
    assert asked == []
