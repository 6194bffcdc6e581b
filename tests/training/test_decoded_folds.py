from itertools import product

import numpy as np
import pytest

from smidgen.errors import ConfigError, DataError
from smidgen.training.decoded_folds import (
    CANDIDATES,
    METHODS,
    TRANSITIONS,
    Decoding,
    HeldOut,
    best_candidate,
    common_rooms,
    decode_folds,
    held_out_sets,
    make_transitions,
    outer_and_inner,
    room_shares,
)

ROOMS = ("hall", "kitchen", "living")
WALK = np.repeat(np.int16([1, 0, 2, 0, 1, 0, 2, 0]), [30, 4, 40, 4, 20, 4, 30, 4])  # the hall lies between


def held_out(seed, *, wrong=0.15, index=None):
    """Return a walk and a classifier that puts its probability on another room now and then, for single decisions."""
    rng = np.random.default_rng(seed)
    shown = np.where(rng.random(len(WALK)) < wrong, rng.integers(0, 3, len(WALK)), WALK)
    index = np.arange(len(WALK)) if index is None else index
    return HeldOut(index=index, label=WALK, probabilities=0.1 + 0.7 * np.eye(3)[shown])


def folds(n=3, **changes):
    """Return outer and inner recordings, everyone's inner ones as good as its outer one."""
    outer = [held_out(i, **changes) for i in range(n)]
    return outer, {(i, j): outer[j] for i, j in product(range(n), repeat=2) if i != j}


def accuracy(outer, decoded):
    return np.mean([(fold.rooms == one.label).mean() for one, fold in zip(outer, decoded, strict=True)])


@pytest.mark.parametrize("transitions", TRANSITIONS)
@pytest.mark.parametrize("method", METHODS)
def test_decoding_repairs_single_wrong_decisions(transitions, method):
    """Every method over either kind of transitions is right more often than the classifier alone."""
    outer, inner = folds()
    alone = decode_folds(outer, inner, Decoding(), rooms=ROOMS)
    decoded = decode_folds(outer, inner, Decoding(transitions=transitions, method=method), rooms=ROOMS)
    assert accuracy(outer, decoded) > accuracy(outer, alone) + 0.02
    assert all(fold.evidence in CANDIDATES for fold in decoded)


def test_rare_rooms_have_no_part_in_the_choice():
    """The candidate that is right in the common rooms is taken before the one that is right in a rare one."""
    rooms = ("hall", "kitchen", "study")
    walk = held_out(0)
    rare = HeldOut(
        index=np.arange(75), label=np.repeat(np.int16([0, 1, 2]), [35, 35, 5]), probabilities=np.full((75, 3), 1 / 3)
    )
    assert common_rooms([rare], rooms) == ("hall", "kitchen")
    assert common_rooms([walk, rare], ROOMS) == ROOMS
    assert common_rooms([HeldOut(index=walk.index[:9], label=walk.label[:9], probabilities=walk.probabilities[:9])],
                        rooms) == rooms  # fmt: skip
    for_study, for_common = rare.label.copy(), rare.label.copy()
    for_study[:3] = 1
    for_common[70:] = 0
    chosen = {common: best_candidate(rare.label, [for_study, for_common], rooms=rooms, common=common)
              for common in (rooms, ("kitchen",))}  # fmt: skip
    assert chosen == {rooms: CANDIDATES[0], ("kitchen",): CANDIDATES[1]}


def test_a_fold_does_not_see_its_own_recording():
    """With another truth in recording 0, what fold 0 chose and answered stays; other folds may change."""
    outer, inner = folds()
    decoding = Decoding(transitions="learned", method="viterbi")
    before = decode_folds(outer, inner, decoding, rooms=ROOMS)
    other = HeldOut(index=outer[0].index, label=np.roll(WALK, 7), probabilities=outer[0].probabilities)
    after = decode_folds([other, *outer[1:]], inner, decoding, rooms=ROOMS)
    np.testing.assert_array_equal(before[0].rooms, after[0].rooms)
    assert before[0].evidence == after[0].evidence


def test_decisions_that_were_not_asked_are_left_out_again():
    """Answers are those of the decisions that there are, in their order."""
    index = np.arange(len(WALK)) + np.cumsum(np.arange(len(WALK)) % 50 == 49)
    outer, inner = folds(index=index)
    decoded = decode_folds(outer, inner, Decoding(transitions="learned", method="fixed-lag-2"), rooms=ROOMS)
    assert [len(fold.rooms) for fold in decoded] == [len(WALK)] * 3
    assert accuracy(outer, decoded) > 0.9


def test_pairs_serve_both_of_their_folds():
    """Of a training without i and j, j speaks for fold i and i for fold j."""
    sets = held_out_sets(3)
    assert sets == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    named = {key: [f"{recording} without {key}" for recording in key] for key in sets}
    outer, inner = outer_and_inner(named)
    assert outer == [f"{i} without ({i},)" for i in range(3)]
    assert inner[0, 1] == "1 without (0, 1)"
    assert inner[1, 0] == "0 without (0, 1)"
    assert set(inner) == {(i, j) for i, j in product(range(3), repeat=2) if i != j}


def test_adjacency_knows_no_more_than_which_rooms_touch():
    """Ways walked once and often get the same weight; learned transitions tell them apart."""
    often = held_out(0)
    adjacency, learned = (make_transitions(name, [often], 3).matrix for name in ("adjacency", "learned"))
    assert adjacency[0, 1] == adjacency[0, 2]
    assert learned[0, 2] != learned[0, 1]
    np.testing.assert_allclose(room_shares([often], 3), np.bincount(WALK) / len(WALK))


def test_delays_are_told():
    """Decisions late, in seconds of their hop; None where the answer waits for the end."""
    delays = {method: Decoding(transitions="learned", method=method).delay_s(2.0) for method in METHODS}
    assert delays == {"filter": 0.0, "max-product": 0.0, "fixed-lag-1": 2.0, "fixed-lag-2": 4.0, "viterbi": None}
    assert Decoding().delay_s(2.0) == 0.0


def test_what_cannot_be_decoded_is_refused():
    """Unknown names, and folds without inner recordings to choose on."""
    with pytest.raises(ConfigError, match="no decoding with method 'vitterbi'; did you mean 'viterbi'"):
        Decoding(transitions="learned", method="vitterbi")
    with pytest.raises(ConfigError, match="no decoding with transitions 'off'"):
        Decoding(method="viterbi")
    outer, inner = folds()
    del inner[1, 2]
    with pytest.raises(DataError, match=r"fold 1 chooses on recordings \[0, 2\].*no inner probabilities of \[2\]"):
        decode_folds(outer, inner, Decoding(transitions="learned", method="viterbi"), rooms=ROOMS)
