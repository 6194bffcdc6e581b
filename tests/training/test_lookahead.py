"""Lookahead is Algorithm 1 of its paper, and a checkpoint carries it."""

import torch
from torch import nn

from smidgen.training.lookahead import LookaheadRAdam


def problem() -> tuple[nn.Parameter, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    weight = nn.Parameter(torch.randn(4, generator=generator))
    return weight, torch.randn(20, 4, generator=generator)


def advance(optimizer: torch.optim.Optimizer, weight: nn.Parameter, gradients: torch.Tensor) -> None:
    for gradient in gradients:
        weight.grad = gradient + weight.detach()
        optimizer.step()


def test_slow_weights_follow_the_fast_ones_half_the_way_every_five_steps():
    """phi <- phi + (theta - phi) / 2 and theta <- phi after steps 5, 10, ..; RAdam as it is in between."""
    weight, gradients = problem()
    advance(LookaheadRAdam([weight], lr=0.1), weight, gradients)

    fast, _ = problem()
    slow, inner = fast.detach().clone(), torch.optim.RAdam([fast], lr=0.1)
    for five in gradients.split(5):
        advance(inner, fast, five)
        slow = slow + (fast.detach() - slow) / 2
        with torch.no_grad():
            fast.copy_(slow)
    torch.testing.assert_close(weight, fast)


def test_a_state_that_was_stored_goes_on_as_if_it_had_not_been():
    """Seven steps, the state through state_dict into a new optimiser, thirteen more: bit for bit the twenty."""
    weight, gradients = problem()
    advance(LookaheadRAdam([weight], lr=0.1), weight, gradients)

    first, _ = problem()
    before = LookaheadRAdam([first], lr=0.1)
    advance(before, first, gradients[:7])
    second = nn.Parameter(first.detach().clone())
    after = LookaheadRAdam([second], lr=0.1)
    after.load_state_dict(before.state_dict())
    advance(after, second, gradients[7:])
    assert torch.equal(second, weight)


def test_what_has_no_gradient_stays():
    """A frozen embedding, beside weights that learn."""
    weight, gradients = problem()
    frozen = nn.Parameter(torch.ones(3))
    advance(LookaheadRAdam([weight, frozen], lr=0.1), weight, gradients)
    assert frozen.tolist() == [1.0] * 3
