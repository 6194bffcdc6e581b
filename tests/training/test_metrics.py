import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from smidgen.errors import ConfigError, DataError
from smidgen.training.metrics import f1_per_room, paired_bootstrap, score, time_blocks

ROOMS = ("bath", "hall", "kitchen", "living")


@st.composite
def decisions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_rooms = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    return rng.integers(n_rooms, size=n), rng.integers(n_rooms, size=n)


@given(decisions=decisions())
def test_scores_equal_scikit_learn_s(decisions):
    """Accuracy, confusion, F1 of each room that occurs and their mean equal the reference implementation."""
    truth, predicted = decisions
    scores = score(truth, predicted, rooms=ROOMS)
    assert accuracy_score(truth, predicted) == pytest.approx(scores.accuracy)
    np.testing.assert_array_equal(confusion_matrix(truth, predicted, labels=range(4)), scores.confusion)
    occurring = np.union1d(truth, predicted)
    expected = f1_score(truth, predicted, labels=occurring, average=None)
    np.testing.assert_allclose(expected, [scores.f1[ROOMS[room]] for room in occurring])
    assert f1_score(truth, predicted, average="macro") == pytest.approx(scores.macro_f1)
    assert scores.decisions == len(truth)


def test_a_room_that_never_occurs_has_no_f1_and_a_room_only_predicted_has_zero():
    """An undefined F1 is NaN and left out of the mean; a false alarm in an absent room counts against the model."""
    scores = score(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 2]), rooms=ROOMS)
    assert math.isnan(scores.f1["living"])
    assert scores.f1["kitchen"] == 0.0
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_rare_rooms_are_named_and_can_be_left_out():
    """A room with 29 decisions is rare, one with 30 is not; errors made with the rare room still cost the others."""
    truth = np.repeat([0, 1, 2], [30, 29, 100])
    predicted = truth.copy()
    predicted[30:40] = 0  # ten of the rare room taken for the first
    scores = score(truth, predicted, rooms=ROOMS)
    assert scores.rare_rooms == ("hall", "living")
    assert scores.macro_f1_without_rare == pytest.approx((2 * 30 / 70 + 1) / 2)


def test_when_all_rooms_are_rare_there_is_nothing_without_them():
    """The mean over no room is NaN, not 0 or 1."""
    assert math.isnan(score(np.array([0]), np.array([0]), rooms=ROOMS).macro_f1_without_rare)


def test_f1_works_on_stacks_of_confusion_matrices():
    """The bootstrap scores many at once; each equals the same matrix alone."""
    stack = np.random.default_rng(0).integers(0, 9, size=(5, 3, 3))
    np.testing.assert_array_equal([f1_per_room(matrix) for matrix in stack], f1_per_room(stack))


def test_equal_models_do_not_differ():
    """The same predictions twice give a difference of exactly 0 in every resample."""
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(4, size=200), rng.integers(4, size=200)
    interval = paired_bootstrap(truth, predicted, predicted, groups=np.arange(200) // 10, n_rooms=4, seed=0)
    assert (interval.difference, interval.low, interval.high) == (0.0, 0.0, 0.0)
    assert not interval.excludes_zero


def two_models(rng, n, first_error, second_error):
    truth = rng.integers(4, size=n)
    wrong = (truth + rng.integers(1, 4, size=n)) % 4
    return truth, *(np.where(rng.random(n) < error, wrong, truth) for error in (first_error, second_error))


def test_a_better_model_is_told_apart():
    """With errors of 40 and 10 % on 1000 decisions the interval lies above 0 and holds the difference."""
    truth, first, second = two_models(np.random.default_rng(0), 1000, 0.4, 0.1)
    interval = paired_bootstrap(truth, first, second, groups=np.arange(1000) // 10, n_rooms=4, seed=0)
    assert 0 < interval.low < interval.difference < interval.high < 1
    assert interval.excludes_zero
    swapped = paired_bootstrap(truth, second, first, groups=np.arange(1000) // 10, n_rooms=4, seed=0)
    assert (swapped.low, swapped.high) == (-interval.high, -interval.low)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """Of 200 experiments with a true difference of 0, about 90 % of the 90 % intervals hold it."""
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        truth, first, second = two_models(rng, 400, 0.2, 0.2)
        interval = paired_bootstrap(
            truth, first, second, groups=np.arange(400) // 4, n_rooms=4, seed=seed, resamples=300, confidence=0.9
        )
        covered += not interval.excludes_zero
    assert 0.83 <= covered / 200 <= 0.97


def test_errors_that_come_together_widen_the_interval():
    """When a model fails for a minute at a time, drawing minutes gives a wider interval than drawing decisions."""
    rng = np.random.default_rng(0)
    truth = rng.integers(4, size=1200)
    fails = np.repeat(rng.random(40) < 0.3, 30)
    second = np.where(fails, (truth + 1) % 4, truth)
    width = {}
    for name, groups in {"minutes": np.arange(1200) // 30, "decisions": np.arange(1200)}.items():
        interval = paired_bootstrap(truth, truth, second, groups=groups, n_rooms=4, seed=0)
        width[name] = interval.high - interval.low
    assert width["minutes"] > 2 * width["decisions"]


def test_the_bootstrap_follows_its_seed():
    """The same seed gives the same interval, another seed another."""
    truth, first, second = two_models(np.random.default_rng(0), 300, 0.3, 0.2)
    intervals = [
        paired_bootstrap(truth, first, second, groups=np.arange(300) // 10, n_rooms=4, seed=seed) for seed in (1, 1, 2)
    ]
    assert intervals[0] == intervals[1] != intervals[2]


def test_time_blocks_part_recordings_and_minutes():
    """Decisions share a block if they come from one recording and one minute of it."""
    recording = np.array([0, 0, 0, 1, 1])
    time_s = np.array([2.0, 58.0, 62.0, 2.0, 64.0])
    blocks = time_blocks(recording, time_s)
    assert blocks[0] == blocks[1]
    assert len(set(blocks.tolist())) == 4


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([], [], r"at least one; got shapes \(0,\) and \(0,\)"),
        ([0, 1], [0], r"shapes \(2,\) and \(1,\)"),
        ([0, -1], [0, 1], "truth holds room indices -1..0; there are rooms 0..3. Drop unlabelled"),
        ([0, 1], [0, 4], "prediction holds room indices 0..4"),
    ],
)
def test_decisions_that_do_not_fit_are_refused(truth, predicted, message):
    """Lists of other lengths and labels outside the rooms are errors, not scores."""
    with pytest.raises(DataError, match=message):
        score(np.array(truth, dtype=int), np.array(predicted, dtype=int), rooms=ROOMS)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"groups": np.zeros(20, dtype=int)}, DataError, "at least 2 groups, got 20 of 1"),
        ({"groups": np.arange(19)}, DataError, "expected 20 group numbers of at least 2 groups, got 19"),
        ({"confidence": 1.0}, ConfigError, "confidence must lie between 0 and 1, got 1.0"),
        ({"resamples": 0}, ConfigError, "resamples must be at least 1, got 0"),
    ],
)
def test_a_bootstrap_without_meaning_is_refused(changes, error, message):
    """One group says nothing about spread, and a confidence of 1 has no interval."""
    labels = np.arange(20) % 4
    with pytest.raises(error, match=message):
        paired_bootstrap(labels, labels, labels, n_rooms=4, seed=0, **({"groups": np.arange(20)} | changes))


def test_a_block_of_no_length_is_refused():
    """A block lasts some time."""
    with pytest.raises(ConfigError, match="block_s must be a positive number of seconds, got 0"):
        time_blocks(np.zeros(3, dtype=int), np.arange(3.0), block_s=0)
