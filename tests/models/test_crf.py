"""The conditional random field is what its definition says, by the sum over every sequence of labels."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smidgen.errors import ConfigError, DataError
from smidgen.models import LinearChainCRF

BATCH = 3


def example(steps: int, n_labels: int, *, seed: int = 0, spread: float = 2.0) -> tuple[LinearChainCRF, Tensor]:
    """Return a field with scores that matter, in float64, and emissions."""
    generator = torch.Generator().manual_seed(seed)
    crf = LinearChainCRF(n_labels).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return crf, spread * torch.randn(BATCH, steps, n_labels, generator=generator).double()


def all_sequences(steps: int, n_labels: int) -> list[tuple[int, ...]]:
    return list(itertools.product(range(n_labels), repeat=steps))


def scores(crf: LinearChainCRF, emissions: Tensor) -> Tensor:
    """Return s(y) (b, L^T) of every sequence, by the definition."""
    columns = []
    for y in all_sequences(*emissions.shape[1:]):
        total = crf.start[y[0]] + crf.end[y[-1]] + sum(emissions[:, t, label] for t, label in enumerate(y))
        columns.append(total + sum(crf.transition[a, b] for a, b in itertools.pairwise(y)))
    return torch.stack(columns, dim=1)


@given(steps=st.integers(1, 5), n_labels=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_likelihood_sums_over_the_sequences_that_agree_with_what_is_known(steps, n_labels, seed):
    """log P = log sum of exp s(y) over the y that have the known labels, minus the same over all y."""
    crf, emissions = example(steps, n_labels, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    known = torch.rand(BATCH, steps, generator=generator) < 0.6
    labels = torch.randint(n_labels, (BATCH, steps), generator=generator)
    every = scores(crf, emissions)
    sequences = torch.tensor(all_sequences(steps, n_labels))
    agrees = ((sequences == labels[:, None]) | ~known[:, None]).all(dim=-1)  # (b, L^T)
    expected = every.masked_fill(~agrees, -torch.inf).logsumexp(1) - every.logsumexp(1)
    torch.testing.assert_close(crf.log_likelihood(emissions, labels, known), expected)


@given(steps=st.integers(1, 5), n_labels=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_marginals_are_those_of_the_sum_and_the_gradient_of_log_z(steps, n_labels, seed):
    """P(y_t = l) by enumeration = by forward and backward scores = d log Z / d emission[t, l]."""
    crf, emissions = example(steps, n_labels, seed=seed)
    probability = torch.softmax(scores(crf, emissions), dim=1)  # (b, L^T)
    sequences = torch.nn.functional.one_hot(torch.tensor(all_sequences(steps, n_labels)), n_labels).double()
    expected = torch.einsum("by,ytl->btl", probability, sequences)
    found = crf.marginals(emissions)
    torch.testing.assert_close(found, expected)
    emissions.requires_grad_()
    (gradient,) = torch.autograd.grad(crf.log_partition(emissions).sum(), emissions)
    torch.testing.assert_close(gradient, expected)


@given(steps=st.integers(1, 5), n_labels=st.integers(1, 4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_viterbi_finds_the_best_of_all_sequences(steps, n_labels, seed):
    """Its sequence is the one of the highest s(y)."""
    crf, emissions = example(steps, n_labels, seed=seed)
    best = scores(crf, emissions).argmax(dim=1)
    torch.testing.assert_close(crf.viterbi(emissions), torch.tensor(all_sequences(steps, n_labels))[best])


def test_viterbi_takes_the_smaller_of_equal_labels():
    """With all scores equal the answer is the sequence of zeros, so that an integer twin has one to agree with."""
    crf, emissions = example(4, 3, spread=0.0)
    assert crf.viterbi(emissions).tolist() == [[0] * 4] * BATCH


def test_the_likelihood_of_all_labellings_is_one():
    """exp(log P) over every labelling of the known steps sums to 1; with nothing known log P is 0."""
    crf, emissions = example(4, 3)
    known = torch.tensor([True, False, True, True]).expand(BATCH, -1)
    labellings = [(a, 0, b, c) for a, b, c in itertools.product(range(3), repeat=3)]
    total = sum(crf.log_likelihood(emissions, torch.tensor(y).expand(BATCH, -1), known).exp() for y in labellings)
    torch.testing.assert_close(total, torch.ones(BATCH).double())
    nothing = torch.zeros(BATCH, 4, dtype=torch.bool)
    labels = torch.full((BATCH, 4), -1)
    assert crf.log_likelihood(emissions, labels, nothing).tolist() == [0.0] * BATCH


def test_gradients_of_the_likelihood_are_observed_minus_expected():
    """d log P / d emission = 1 at the label, minus the marginal; where it is unknown, what the rest tells about it."""
    crf, emissions = example(4, 3)
    emissions.requires_grad_()
    labels = torch.tensor([0, 2, 1, 1]).expand(BATCH, -1)
    known = torch.ones(BATCH, 4, dtype=torch.bool)
    (gradient,) = torch.autograd.grad(crf.log_likelihood(emissions, labels, known).sum(), emissions)
    observed = torch.nn.functional.one_hot(labels, 3)
    torch.testing.assert_close(gradient, observed - crf.marginals(emissions.detach()))
    partly = known.clone()
    partly[:, 1] = False
    losses = crf.log_likelihood(emissions, labels, partly)
    gradients = torch.autograd.grad(losses.sum(), (emissions, *crf.parameters()))
    assert all(torch.isfinite(g).all() for g in gradients)
    torch.testing.assert_close(gradients[0].sum(-1), torch.zeros(BATCH, 4).double())


def test_scores_in_every_emission_of_a_step_change_nothing():
    """Probabilities see differences only: likelihood, marginals and path stay under a shift of a step by 1000."""
    crf, emissions = example(5, 3)
    shifted = emissions + torch.tensor([0.0, 1000.0, -1000.0, 5.0, 0.0])[:, None]
    labels, known = torch.ones(BATCH, 5, dtype=torch.long), torch.ones(BATCH, 5, dtype=torch.bool)
    torch.testing.assert_close(crf.log_likelihood(shifted, labels, known), crf.log_likelihood(emissions, labels, known))
    torch.testing.assert_close(crf.marginals(shifted), crf.marginals(emissions))
    assert torch.equal(crf.viterbi(shifted), crf.viterbi(emissions))


def test_long_sequences_stay_finite_in_float32():
    """Over 200 steps, where products of probabilities would be 0: marginals sum to 1, path and likelihood agree."""
    crf = LinearChainCRF(9)
    emissions = 20.0 * torch.randn(1, 200, 9, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(crf.marginals(emissions).sum(-1), torch.ones(1, 200))
        path = crf.viterbi(emissions)
        likelihood = crf.log_likelihood(emissions, path, torch.ones(1, 200, dtype=torch.bool))
        worse = crf.log_likelihood(emissions, path.roll(1), torch.ones(1, 200, dtype=torch.bool))
    assert likelihood.isfinite().all()
    assert likelihood > worse


def test_it_learns_the_order_of_labels():
    """Trained on 0 1 2 0 1 2 .. with emissions that say nothing, it decodes just that."""
    torch.manual_seed(0)
    crf = LinearChainCRF(3)
    labels = torch.tensor([0, 1, 2] * 4)[None]
    known = torch.ones(1, 12, dtype=torch.bool)
    optimizer = torch.optim.Adam(crf.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        loss = -crf.log_likelihood(torch.zeros(1, 12, 3), labels, known).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.3
    assert torch.equal(crf.viterbi(torch.zeros(1, 12, 3)), labels)


def test_wrong_shapes_are_refused():
    """Emissions of other labels, empty sequences, and labels of another length are told with both shapes."""
    crf, emissions = example(4, 3)
    with pytest.raises(DataError, match=r"takes emissions \(b, t, 3\) of at least one step, got \(3, 4, 2\)"):
        crf.viterbi(emissions[..., :2])
    with pytest.raises(DataError, match=r"at least one step, got \(3, 0, 3\)"):
        crf.marginals(emissions[:, :0])
    with pytest.raises(DataError, match=r"got \(3, 3\) and \(3, 4\)"):
        crf.log_likelihood(emissions, torch.zeros(BATCH, 3), torch.ones(BATCH, 4, dtype=torch.bool))
    with pytest.raises(ConfigError, match="n_labels must be at least 1, got 0"):
        LinearChainCRF(0)
