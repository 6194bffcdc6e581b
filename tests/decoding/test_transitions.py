from dataclasses import dataclass

import numpy as np
import pytest

from smidgen.decoding import (
    Transitions,
    adjacency_only,
    learn_transitions,
    observed_adjacency,
    stay_probability,
)
from smidgen.errors import ConfigError, DataError


@dataclass
class Walked:
    """Rooms of one recording; decisions stand next to each other unless numbers say otherwise."""

    label: np.ndarray
    index: np.ndarray


def walked(*rooms, index=None):
    return Walked(label=np.int16(rooms), index=np.arange(len(rooms)) if index is None else np.array(index))


def test_learning_counts_decision_by_decision():
    """Each row is (count + smoothing) / (all counts + R smoothing); recordings do not run into each other."""
    learned = learn_transitions([walked(0, 0, 0, 1), walked(2, 1, 1)], n_rooms=3, smoothing=0.5)
    expected = np.array([[2.5, 1.5, 0.5], [0.5, 1.5, 0.5], [0.5, 1.5, 0.5]])
    np.testing.assert_allclose(expected / expected.sum(axis=1, keepdims=True), learned.matrix)
    np.testing.assert_allclose([1 / 3] * 3, learned.initial)


def test_a_short_gap_is_staying_and_a_long_one_says_nothing():
    """Over a gap of 3 the room lasts for 2 decisions more; beyond the longest gap nothing is counted."""
    visits = walked(0, 1, 0, index=[0, 3, 9])
    learned = learn_transitions([visits], n_rooms=2, smoothing=1.0, longest_gap=3)
    np.testing.assert_allclose([[3 / 5, 2 / 5], [1 / 2, 1 / 2]], learned.matrix)
    assert stay_probability([visits], n_rooms=2, longest_gap=3) == pytest.approx(2 / 3)


def test_observed_adjacency_is_a_set_in_both_directions():
    """A way walked once, in one direction, counts as much as one walked often; staying is no way."""
    touching = observed_adjacency([walked(0, 1, 0, 1, 1), walked(1, 2)], n_rooms=4)
    expected = np.zeros((4, 4), dtype=bool)
    for a, b in ((0, 1), (1, 2)):
        expected[a, b] = expected[b, a] = True
    np.testing.assert_array_equal(expected, touching)


def test_adjacency_only_is_uniform_over_neighbours():
    """One probability of staying for every room; the rest goes to rooms that touch, and a small share elsewhere."""
    touching = np.zeros((4, 4), dtype=bool)
    touching[0, 1] = touching[1, 0] = touching[1, 2] = touching[2, 1] = True
    chain = adjacency_only(touching, stay=0.9, elsewhere=0.1)
    np.testing.assert_allclose([0.045, 0.9, 0.045, 0.01], chain.matrix[1])
    np.testing.assert_allclose([0.005, 0.09, 0.9, 0.005], chain.matrix[2])
    np.testing.assert_allclose([0.1 / 3, 0.1 / 3, 0.1 / 3, 0.9], chain.matrix[3])  # touches nothing: anywhere
    np.testing.assert_allclose(1.0, chain.matrix.sum(axis=1))


def test_crf_scores_become_potentials_without_overflow():
    """Ratios of weights are exponentials of differences of scores, however large the scores are."""
    scores = np.array([[900.0, 899.0], [898.0, 900.0]])
    potentials = Transitions.from_scores(np.array([-800.0, -801.0]), scores)
    np.testing.assert_allclose(scores - 900.0, potentials.log_matrix, atol=1e-12)
    np.testing.assert_allclose([0.0, -1.0], potentials.log_initial, atol=1e-12)


def test_what_is_no_chain_is_refused():
    """Shapes that disagree, weights below 0, dead ends, unlearnable recordings, probabilities out of range."""
    uniform = np.full(2, 0.5)
    with pytest.raises(ConfigError, match=r"weights \(R,\) and \(R, R\) of at least 2 rooms, got \(2,\) and \(3, 3\)"):
        Transitions(initial=uniform, matrix=np.eye(3))
    with pytest.raises(ConfigError, match="weights of a transition must be finite"):
        Transitions(initial=uniform, matrix=np.array([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(ConfigError, match="weights of the first decision must be finite"):
        Transitions(initial=-uniform, matrix=np.eye(2))
    with pytest.raises(ConfigError, match="smoothing must be above 0"):
        learn_transitions([walked(0, 1)], n_rooms=2, smoothing=0.0)
    with pytest.raises(DataError, match="no transition to learn from in 1 recordings"):
        learn_transitions([walked(0)], n_rooms=2)
    with pytest.raises(DataError, match=r"a decision says room 2; there are rooms 0..1"):
        learn_transitions([walked(0, 2)], n_rooms=2)
    with pytest.raises(ConfigError, match="stay must lie between 0 and 1, got 1"):
        adjacency_only(np.ones((2, 2), dtype=bool), stay=1.0)
    with pytest.raises(ConfigError, match=r"a house graph says of each pair of rooms.*got \(2, 3\)"):
        adjacency_only(np.ones((2, 3), dtype=bool), stay=0.9)
