"""A network that reads windows answers from a ring of frames, in Python and as a program alike."""

import numpy as np
import pytest
import torch

from smidgen.errors import ConfigError
from smidgen.localisation.decodings import OFF
from smidgen.localisation.evidence import UNCHOSEN
from smidgen.localisation.hearing import all_of, heard_windows
from smidgen.localisation.stretches import Stretch
from smidgen.localisation.window_student import WindowStudent
from smidgen.models import LastStep, build_model

LENGTH = 12


@pytest.fixture(scope="module")
def student(fold):
    torch.manual_seed(0)
    rssi, motion = heard_windows(fold, fold.split.train[0], all_of(fold.split.train[0]), LENGTH)
    classifier = build_model(
        "transformer", n_access_points=rssi.shape[2], n_motion=motion.shape[2], n_rooms=len(fold.rooms),
        d_model=8, n_heads=2, d_feedforward=16, n_positions=LENGTH,
    )  # fmt: skip
    prior = np.full(len(fold.rooms), 1 / len(fold.rooms))
    return WindowStudent(
        network=LastStep(classifier).eval(), fold=fold, prior=prior, calibration=(rssi, motion), length=LENGTH
    )


def test_each_decision_is_answered_by_its_own_window(fold, student):
    """A stretch answers as the whole recording does there: nothing is carried from window to window."""
    (recording,) = fold.split.test
    stretch = Stretch(heard_from=7, begin=12, end=30)
    whole = student.probabilities(recording, all_of(recording))
    np.testing.assert_allclose(student.probabilities(recording, stretch), whole[7:30], atol=1e-6)


def test_no_decoder_fits_behind_a_window(student):
    """A window keeps no path of rooms; the refusal says what to compile in its place."""
    with pytest.raises(ConfigError, match="compile a stream instead"):
        student.compile("int8", "learned, lag 0 s", UNCHOSEN)


@pytest.mark.slow
def test_the_program_answers_as_the_network(fold, student):
    """The float32 program has the network's room at every decision; its windows and its ring differ in no byte."""
    (recording,) = fold.split.test
    program = student.compile("float32", OFF, UNCHOSEN)
    expected = student.probabilities(recording, all_of(recording)).argmax(axis=1)
    assert np.array_equal(program.scores(recording, all_of(recording)).argmax(axis=1), expected)
    costs = program.costs(fold.split.test)
    assert costs.mismatched_bytes == 0
    assert costs.n_compared == all_of(recording).end
