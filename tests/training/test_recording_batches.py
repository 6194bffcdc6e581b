"""Crops hold what the recordings hold, at places that the seed decides."""

import dataclasses

import numpy as np
import torch
from synthetic_walk import sequences

from smidgen.data import UNLABELLED
from smidgen.rssi import NOT_HEARD_DBM
from smidgen.training.recording_batches import (
    NO_DECISION,
    CropOrder,
    Crops,
    scoring_crops,
    sequences_fingerprint,
    training_crops,
)


def crops_of(those, *, delay=0, seed=0):
    return training_crops(those, length=20, delay=delay, batch_size=5, batches_per_epoch=3, seed=seed)


def test_a_crop_is_a_stretch_of_its_recording():
    """Input, room and decision of frame f of a crop from `start` are those of frame start + f; behind lies silence."""
    those = sequences(0, 1)
    rssi, motion, room, decision = Crops(those, length=20, delay=0)[torch.tensor([[1, 30], [0, 110]])]
    np.testing.assert_array_equal(those.rssi[1, 30:50], rssi[0])
    np.testing.assert_array_equal(those.motion[1, 30:50], motion[0])
    np.testing.assert_array_equal(those.room[1, 30:50], room[0])
    end = int(those.n_frames[0]) - 110
    np.testing.assert_array_equal(those.rssi[0, 110:], rssi[1, :end])
    assert (rssi[1, end:] == NOT_HEARD_DBM).all()
    assert (room[1, end:] == UNLABELLED).all()
    rows = decision[0][decision[0] != NO_DECISION].numpy()
    np.testing.assert_array_equal(np.arange(31, 50, 2), those.frame[rows])  # a decision ends with every second frame
    assert (those.recording[rows] == 1).all()


def test_a_delay_moves_questions_behind_and_leaves_the_input():
    """What is asked at frame f with a delay of 3 is what is asked at f - 3 without; before that, nothing."""
    those = sequences(0)
    place = torch.tensor([[0, 0]])
    now, later = (Crops(those, length=20, delay=delay)[place] for delay in (0, 3))
    for asked, expected, nothing in ((later[2], now[2], UNLABELLED), (later[3], now[3], NO_DECISION)):
        np.testing.assert_array_equal(expected[0, :-3], asked[0, 3:])
        assert (asked[0, :3] == nothing).all()
    assert torch.equal(now[0], later[0])


def test_scoring_asks_every_decision_once():
    """One batch from the first frames on holds each decision of each recording, also with a delay past the end."""
    those = sequences(0, 1, seconds=61.0)
    for delay in (0, 4):
        ((_, _, room, decision),) = list(scoring_crops(those, delay=delay))
        answered = decision != NO_DECISION
        np.testing.assert_array_equal(np.arange(those.n_decisions), np.sort(decision[answered]))
        np.testing.assert_array_equal(those.label[decision[answered]], room[answered])


def test_access_points_that_are_there_and_silent_are_other_data():
    """Augmentation reads `present`; where it only repeats the levels, the hash is that of the levels."""
    those = sequences(0, 1)
    silent = np.array(those.rssi)
    silent[0, :, 1] = NOT_HEARD_DBM
    there = dataclasses.replace(those, rssi=silent)
    absent = dataclasses.replace(there, present=np.array([[True, False], [True, True]]))
    assert there.present.all()
    assert sequences_fingerprint(there) != sequences_fingerprint(absent)
    assert sequences_fingerprint(absent) == sequences_fingerprint(dataclasses.replace(absent))
    assert sequences_fingerprint(absent) != sequences_fingerprint(those)


def test_places_follow_from_seed_and_epoch():
    """Two loaders of one seed agree epoch by epoch; another epoch and another seed give other crops."""
    those = sequences(0, 1, 2)
    first, second, other = crops_of(those), crops_of(those), crops_of(those, seed=1)
    drawn = [torch.cat([batch[0] for batch in loader]) for loader in (first, second, other)]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    first.sampler.set_epoch(1)
    assert not torch.equal(drawn[0], torch.cat([batch[0] for batch in first]))


def test_recordings_take_turns():
    """In a batch of 6 crops of 3 recordings each comes twice."""
    loader = training_crops(sequences(0, 1, 2), length=20, delay=0, batch_size=6, batches_per_epoch=4, seed=0)
    for places in loader.sampler:
        assert torch.bincount(places[:, 0]).tolist() == [2, 2, 2]


def test_no_part_of_a_recording_is_seen_much_more_seldom_than_others():
    """Frame by frame, a thousand crops of 20 frames of a recording of 120 cover its ends more than half as often."""
    places = CropOrder(n_frames=torch.tensor([120]), length=20, batch_size=1000, n_batches=1, seed=0)
    (drawn,) = list(places)
    covered = torch.zeros(140)
    for start in drawn[:, 1].tolist():
        covered[start : start + 20] += 1
    usual = covered[40:80].mean()
    assert bool((covered[:120] > 0.5 * usual).all())
    assert int((drawn[:, 1] == 0).sum()) > 50  # from a fresh state, as a wearable is switched on


def test_a_crop_may_begin_in_the_silence_before_a_recording():
    """Crops that lead by 8 frames: those frames of the first one are silent and unasked, behind them the recording."""
    those = sequences(0, 1)
    crops = Crops(those, length=20, delay=2, silence=8)
    rssi, motion, room, decision = (values[0] for values in crops[torch.tensor([[1, -8]])])
    assert (rssi[:8] == NOT_HEARD_DBM).all()
    assert (motion[:8] == 0.0).all()
    assert (room[:10] == UNLABELLED).all()
    assert (decision[:10] == NO_DECISION).all()
    np.testing.assert_array_equal(those.rssi[1, :12], rssi[8:])
    np.testing.assert_array_equal(those.room[1, :10], room[10:])
    places = CropOrder(n_frames=torch.tensor([120]), length=20, batch_size=1000, n_batches=1, seed=0, silence=8)
    (drawn,) = list(places)
    assert int(drawn[:, 1].min()) == -8
    assert int(drawn[:, 1].max()) <= 119 - 6 - 8
