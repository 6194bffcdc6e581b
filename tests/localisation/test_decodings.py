"""Decoding by name, on a home whose rooms are a chain: hall, kitchen, study."""

import numpy as np
import pytest

from smidgen.decoding import EvidenceConfig
from smidgen.errors import ConfigError
from smidgen.localisation.decodings import (
    EVERY_DECODING,
    OFF,
    ON_A_DEVICE,
    answer,
    check_decoding,
    decode,
    delay_of,
)
from smidgen.localisation.stretches import Stretch

SURE = EvidenceConfig(alpha=0.0)


class Visits:
    """A walk up and down the chain, twenty decisions in each room."""

    label = np.repeat(np.array([0, 1, 2, 1, 0, 1, 2, 1, 0], np.int16), 20)
    index = np.arange(180)


class Chain:
    """What decoding asks of a fold."""

    rooms = ("hall", "kitchen", "study")
    decisions = (Visits(),)


PRIOR = np.full(3, 1 / 3)
DECODED = EVERY_DECODING[1:]


def said(rooms, *, belief=0.7):
    """Probabilities of a classifier that names these rooms."""
    probabilities = np.full((len(rooms), 3), (1 - belief) / 2)
    probabilities[np.arange(len(rooms)), rooms] = belief
    return probabilities


def test_off_names_the_likeliest_room():
    """Every decision alone, also where the walk is impossible."""
    assert decode(said([0, 2, 0, 1]), OFF, Chain(), PRIOR, SURE).tolist() == [0, 2, 0, 1]


@pytest.mark.parametrize("name", DECODED)
def test_a_room_through_the_wall_is_not_believed(name):
    """From the hall nobody is in the study for one decision: rooms that adjoin are known to every decoder."""
    fold = Chain()
    assert decode(said([0] * 6 + [2] + [0] * 6), name, fold, PRIOR, SURE).tolist() == [0] * 13


@pytest.mark.parametrize("name", DECODED)
def test_what_was_not_asked_says_nothing(name):
    """Decisions without an answer get the room of those around them."""
    probabilities = said([1] * 9)
    probabilities[3:6] = np.nan
    assert decode(probabilities, name, Chain(), PRIOR, SURE).tolist() == [1] * 9


def test_what_comes_after_moves_the_change_to_its_place():
    """At once, the change of room is believed late; after 4 s, and after all, where it was."""
    probabilities, rooms = said([0] * 8 + [1] * 8, belief=0.65), [0] * 8 + [1] * 8
    late = decode(probabilities, "learned, lag 0 s", Chain(), PRIOR, SURE)
    assert 0 in late[8:]
    assert decode(probabilities, "learned, Viterbi", Chain(), PRIOR, SURE).tolist() == rooms
    lagged = decode(probabilities, "learned, lag 4 s", Chain(), PRIOR, SURE)
    assert (late != rooms).sum() > (lagged != rooms).sum()


class OverTime:
    """Says one thing with the last frame of each decision, and another to a decoder, with what lies behind."""

    prior, floor, parameters = PRIOR, 1e-9, None
    asked = None

    def __init__(self, alone, decoded):
        self.alone, self.decoded = alone, decoded

    def probabilities(self, recording, stretch):
        return self.alone[stretch.heard_from : stretch.end]

    def to_decode(self, recording, stretch):
        self.asked = stretch
        return self.decoded[stretch.heard_from : stretch.end]


def test_a_decoder_is_given_what_its_program_hears():
    """Not what is answered alone, and as many decisions behind the stretch as it waits for: those move its answer."""
    model = OverTime(said([2] * 20), said([0] * 9 + [1] * 11, belief=0.65))
    stretch = Stretch(heard_from=2, begin=4, end=10)
    assert answer(model, None, stretch, OFF, Chain(), SURE).tolist() == [2] * 8
    assert answer(model, None, stretch, "learned, lag 0 s", Chain(), SURE).tolist() == [0] * 8
    assert model.asked.end == 10
    assert answer(model, None, stretch, "learned, lag 4 s", Chain(), SURE).tolist() == [0] * 7 + [1]
    assert model.asked.end == 12


def test_the_floor_is_that_of_the_model():
    """A decision of near certainty counts as much as the model says, where a tree's would be cut."""
    rooms = said([0] * 6)
    rooms[5] = [1e-8, 1 - 2e-8, 1e-8]
    stretch = Stretch(heard_from=0, begin=0, end=6)
    sure, tree = OverTime(rooms, rooms), OverTime(rooms, rooms)
    tree.floor = 0.2
    assert answer(sure, None, stretch, "learned, lag 0 s", Chain(), SURE)[-1] == 1
    assert answer(tree, None, stretch, "learned, lag 0 s", Chain(), SURE)[-1] == 0


def test_delays():
    """None stands for the end of the recording, which no device waits for."""
    assert [delay_of(name) for name in EVERY_DECODING] == [0.0, 0.0, 4.0, None, 0.0, 4.0, None]
    assert set(EVERY_DECODING) - set(ON_A_DEVICE) == {"adjacency, Viterbi", "learned, Viterbi"}


def test_an_unknown_decoding_is_answered_with_the_nearest():
    """By its name."""
    with pytest.raises(ConfigError, match="no decoding 'learned, viterbi'; did you mean 'learned, Viterbi'"):
        check_decoding("learned, viterbi")
