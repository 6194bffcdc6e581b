from functools import partial
from itertools import pairwise, product

import numpy as np
import pytest

from smidgen.decoding import (
    Transitions,
    fixed_lag_max_product,
    fixed_lag_smoothing,
    forward_backward,
    forward_filter,
    viterbi,
)
from smidgen.errors import ConfigError, DataError

N, R = 6, 3


def drawn(seed, *, n=N, forbidden=True):
    """Return evidence (n, R) and transitions, some of them impossible, all drawn by the seed."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((R, R)) + 3 * np.eye(R)
    if forbidden:
        matrix[0, 2] = matrix[2, 0] = 0.0
    transitions = Transitions(initial=rng.random(R), matrix=matrix / matrix.sum(axis=1, keepdims=True))
    return rng.normal(0, 2, size=(n, R)), transitions


def path_weights(evidence, transitions, n):
    """Return every path over the first n decisions with its weight, by enumeration."""
    paths = list(product(range(R), repeat=n))
    weights = []
    for path in paths:
        weight = transitions.initial[path[0]] * np.exp(evidence[np.arange(n), path]).prod()
        weights.append(weight * np.prod([transitions.matrix[i, j] for i, j in pairwise(path)]))
    return np.array(paths), np.array(weights)


def marginal(evidence, transitions, t, heard, combine):
    """Return what `combine` makes of the weights of all paths over `heard` decisions through each room at t, (R,)."""
    paths, weights = path_weights(evidence, transitions, heard)
    return np.array([combine(weights[paths[:, t] == room]) for room in range(R)])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("lag", [0, 1, 2, 5, 20])
def test_fixed_lags_sum_and_maximise_over_all_paths(seed, lag):
    """Row t is the sum, or the best, over every path through each room on the evidence up to t + lag."""
    evidence, transitions = drawn(seed)
    smoothed = fixed_lag_smoothing(evidence, transitions, lag=lag)
    best = fixed_lag_max_product(evidence, transitions, lag=lag)
    for t in range(N):
        heard = min(t + lag, N - 1) + 1
        summed = marginal(evidence, transitions, t, heard, np.sum)
        np.testing.assert_allclose(smoothed[t], summed / summed.sum(), rtol=1e-9)
        greatest = marginal(evidence, transitions, t, heard, np.max)
        np.testing.assert_allclose(np.exp(best[t]), greatest / greatest.max(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_viterbi_is_the_best_of_all_paths(seed):
    """No path that enumeration finds weighs more; the best rooms of max-product with all the future are that path."""
    evidence, transitions = drawn(seed)
    paths, weights = path_weights(evidence, transitions, N)
    np.testing.assert_array_equal(paths[weights.argmax()], viterbi(evidence, transitions))
    np.testing.assert_array_equal(
        paths[weights.argmax()], fixed_lag_max_product(evidence, transitions, lag=N).argmax(axis=1)
    )


def test_filter_and_forward_backward_are_the_ends_of_the_lags():
    """Without lag nothing is heard early; with all the future forward-backward results."""
    evidence, transitions = drawn(7)
    np.testing.assert_allclose(
        fixed_lag_smoothing(evidence, transitions, lag=0), forward_filter(evidence, transitions), rtol=1e-12
    )
    np.testing.assert_allclose(
        fixed_lag_smoothing(evidence, transitions, lag=N - 1), forward_backward(evidence, transitions), rtol=1e-9
    )


def test_the_future_beyond_the_lag_changes_nothing():
    """Row t hears the evidence up to t + lag and not one decision more."""
    evidence, transitions = drawn(3)
    changed = evidence.copy()
    changed[4:] += 3 * np.eye(R)[[0, 2]]
    for decode in (fixed_lag_smoothing, fixed_lag_max_product):
        before, after = (decode(e, transitions, lag=1) for e in (evidence, changed))
        np.testing.assert_array_equal(before[:3], after[:3])
        assert (before[3:] != after[3:]).any(axis=1).all()


def test_constants_in_evidence_and_potentials_change_nothing():
    """Evidence is known up to a constant per decision, and a CRF's potentials up to one factor."""
    evidence, transitions = drawn(4)
    shifted = evidence + np.arange(N)[:, None]
    scaled = Transitions(initial=5 * transitions.initial, matrix=7 * transitions.matrix)
    for decode in (forward_filter, forward_backward, viterbi):
        np.testing.assert_allclose(decode(evidence, transitions), decode(shifted, scaled), rtol=1e-9)


def test_weighings_side_by_side_are_decoded_as_alone():
    """Evidence (2, n, R) gives for each of the two exactly what (n, R) does."""
    (first, transitions), (second, _) = drawn(5), drawn(6)
    for decode in (forward_filter, forward_backward, viterbi, partial(fixed_lag_max_product, lag=2)):
        both = decode(np.stack([first, second]), transitions)
        np.testing.assert_array_equal(decode(first, transitions), both[0])
        np.testing.assert_array_equal(decode(second, transitions), both[1])


def test_an_impossible_way_is_never_taken():
    """Strong evidence for a room that does not touch goes by way of the one between."""
    evidence, transitions = drawn(0)
    evidence[:] = 0.0
    evidence[:3, 0] = evidence[3:, 2] = 20.0
    path = viterbi(evidence, transitions)
    assert (transitions.matrix[path[:-1], path[1:]] > 0).all()
    assert path[0] == 0
    assert path[-1] == 2


def test_what_cannot_be_decoded_is_refused():
    """Evidence of other rooms, of nothing, or infinite; a lag that looks back."""
    evidence, transitions = drawn(0)
    with pytest.raises(DataError, match=r"at least one decision over 3 rooms, got \(6, 2\)"):
        viterbi(evidence[:, :2], transitions)
    with pytest.raises(DataError, match="at least one decision"):
        forward_filter(evidence[:0], transitions)
    with pytest.raises(DataError, match="must be finite"):
        forward_filter(np.full((2, R), -np.inf), transitions)
    with pytest.raises(ConfigError, match="lag must be 0 decisions or more, got -1"):
        fixed_lag_smoothing(evidence, transitions, lag=-1)
