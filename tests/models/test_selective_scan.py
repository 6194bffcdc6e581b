"""The three spellings of the selective scan are one function, in value and in gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smidgen.models import selective_scan, selective_scan_reference, selective_scan_step


def scan_inputs(*, b: int, t: int, d: int, n: int, largest_delta: float, seed: int) -> list[Tensor]:
    """Random (u, delta, A, B, C, D) in float64 with delta in (0, largest_delta] and A in [-n, 0)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    def positive(*shape: int) -> Tensor:
        return torch.rand(*shape, dtype=torch.float64, generator=generator) + 1e-6

    inputs = [
        normal(b, t, d),
        largest_delta * positive(b, t, d),
        -n * positive(d, n),
        normal(b, t, n),
        normal(b, t, n),
        normal(d),
    ]
    return [x.requires_grad_() for x in inputs]


sizes = st.fixed_dictionaries(
    {
        "b": st.integers(1, 3),
        "t": st.integers(1, 40),
        "d": st.integers(1, 5),
        "n": st.integers(1, 4),
        "largest_delta": st.sampled_from([1e-3, 0.1, 1.0, 20.0]),
        "seed": st.integers(0, 2**31),
    }
)


@settings(deadline=None)
@given(size=sizes, reverse=st.booleans())
def test_parallel_scan_equals_the_reference_in_value_and_gradient(size, reverse):
    """For every shape, step size and direction, output and six gradients agree with the step-by-step scan to 1e-9."""
    inputs = scan_inputs(**size)
    expected, actual = (scan(*inputs, reverse) for scan in (selective_scan_reference, selective_scan))
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)

    cotangent = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(size["seed"]))
    expected_gradients = torch.autograd.grad(expected, inputs, cotangent)
    actual_gradients = torch.autograd.grad(actual, inputs, cotangent)
    torch.testing.assert_close(actual_gradients, expected_gradients, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("reverse", [False, True])
def test_gradient_equals_finite_differences(reverse):
    """The hand-written backward is the derivative of the forward, not only of the reference."""
    inputs = scan_inputs(b=2, t=7, d=3, n=2, largest_delta=1.0, seed=0)
    assert torch.autograd.gradcheck(selective_scan, (*inputs, reverse))


def test_backwards_is_forwards_on_a_flipped_window():
    """Both spellings of the reversed scan see the steps behind each step."""
    inputs = scan_inputs(b=2, t=9, d=3, n=2, largest_delta=1.0, seed=1)
    flipped = [x.flip(1) if x.dim() == 3 else x for x in inputs]
    for scan in (selective_scan_reference, selective_scan):
        torch.testing.assert_close(scan(*inputs, True), scan(*flipped).flip(1), rtol=1e-9, atol=1e-10)


def test_scan_is_a_well_formed_custom_op():
    """Schema, fake kernel and autograd registration agree, so that export and fake tensors can be trusted."""
    inputs = scan_inputs(b=2, t=5, d=3, n=2, largest_delta=1.0, seed=0)
    torch.library.opcheck(selective_scan, inputs)


@settings(deadline=None)
@given(size=sizes)
def test_step_after_step_equals_the_whole_scan(size):
    """Streaming: row t of the scan is the output of step t, the state carried along."""
    with torch.no_grad():
        u, delta, A, B, C, D = scan_inputs(**size)
        h = u.new_zeros(u.shape[0], u.shape[2], A.shape[1])
        rows = []
        for t in range(u.shape[1]):
            y, h = selective_scan_step(u[:, t], delta[:, t], A, B[:, t], C[:, t], D, h)
            rows.append(y)
        torch.testing.assert_close(selective_scan(u, delta, A, B, C, D), torch.stack(rows, 1), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("largest_delta", [1e4, 1e30])
def test_huge_steps_forget_instead_of_overflowing(largest_delta):
    """Where delta is huge the decay underflows to zero and only the present step counts, gradients included."""
    u, _, A, B, C, D = (x.detach().float() for x in scan_inputs(b=1, t=33, d=2, n=3, largest_delta=1.0, seed=1))
    u = (u / largest_delta).requires_grad_()
    delta = torch.full_like(u, largest_delta).requires_grad_()
    y = selective_scan(u, delta, A.clamp(max=-0.1), B, C, D)
    only_now = ((delta * u).unsqueeze(-1) * B.unsqueeze(2) * C.unsqueeze(2)).sum(-1) + D * u
    torch.testing.assert_close(y, only_now)
    gradients = torch.autograd.grad(y.sum(), (u, delta))
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
