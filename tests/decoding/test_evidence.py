import numpy as np
import pytest

from smidgen.decoding import EvidenceConfig, Transitions, log_evidence, on_grid, viterbi
from smidgen.errors import ConfigError, DataError


def test_evidence_is_the_posterior_over_the_prior():
    """(p / prior^alpha)^sharpness, in logarithms, with small probabilities lifted to the floor."""
    probabilities, prior = np.array([[0.7, 0.3, 0.0]]), np.array([0.6, 0.3, 0.1])
    config = EvidenceConfig(alpha=0.5, sharpness=2.0, floor=0.01)
    expected = 2.0 * np.log(np.array([[0.7, 0.3, 0.01]]) / prior**0.5)
    np.testing.assert_allclose(expected, log_evidence(probabilities, prior, config))


def test_a_room_that_never_trained_gets_no_bonus():
    """Its prior is that of the rarest room that did, not 0."""
    evidence = log_evidence(np.array([[0.5, 0.5, 0.0]]), np.array([0.75, 0.25, 0.0]), EvidenceConfig())
    assert evidence[0, 2] == pytest.approx(np.log(1e-3 / 0.25))


def test_a_gap_costs_transitions_and_gives_no_evidence():
    """Decisions not asked stand as rows of 0; a change is cheaper over them, as over a power of the matrix."""
    evidence = np.array([[6.0, 0.0], [0.0, 6.0]])
    grid = on_grid(evidence, np.array([4, 7]))
    np.testing.assert_array_equal([[6, 0], [0, 0], [0, 0], [0, 6]], grid)
    chain = Transitions(initial=np.full(2, 0.5), matrix=np.array([[0.999, 0.001], [0.001, 0.999]]))
    assert viterbi(evidence, chain).tolist() == [0, 0]  # e^6 = 403 < 1000
    easier = Transitions(initial=np.full(2, 0.5), matrix=np.linalg.matrix_power(chain.matrix, 3))
    assert viterbi(evidence, easier).tolist() == [0, 1]


def test_what_is_no_evidence_is_refused():
    """Logits, other rooms, decisions out of order, settings out of range."""
    with pytest.raises(DataError, match="pass logits through a softmax first"):
        log_evidence(np.array([[2.0, -1.0]]), np.full(2, 0.5), EvidenceConfig())
    with pytest.raises(DataError, match=r"probabilities \(1, 2\) do not go with priors of \(3,\) rooms"):
        log_evidence(np.full((1, 2), 0.5), np.full(3, 1 / 3), EvidenceConfig())
    with pytest.raises(DataError, match="prior of every room is 0"):
        log_evidence(np.full((1, 2), 0.5), np.zeros(2), EvidenceConfig())
    with pytest.raises(DataError, match="as many increasing decision numbers"):
        on_grid(np.zeros((2, 2)), np.array([3, 3]))
    for wrong in ({"alpha": 1.5}, {"sharpness": 0.0}, {"floor": 0.0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            EvidenceConfig(**wrong)
