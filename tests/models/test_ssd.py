"""The scan of Mamba-2 in two spellings, and the network around it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smidgen.errors import ConfigError
from smidgen.models import (
    SSDConfig,
    SSDEncoder,
    selective_scan,
    ssd_scan,
    ssd_scan_reference,
    ssd_scan_states,
)


def scan_inputs(
    *, b: int, t: int, per_group: int, g: int, p: int, n: int, largest_step: float, seed: int
) -> list[Tensor]:
    """Random (x, dt, A, B, C, D) in float64 with dt in (0, largest_step] and A in [-n, 0)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    def positive(*shape: int) -> Tensor:
        return torch.rand(*shape, dtype=torch.float64, generator=generator) + 1e-6

    h = per_group * g
    inputs = [
        normal(b, t, h, p), largest_step * positive(b, t, h), -n * positive(h), normal(b, t, g, n), normal(b, t, g, n),
        normal(h),
    ]  # fmt: skip
    return [value.requires_grad_() for value in inputs]


sizes = st.fixed_dictionaries({
    "b": st.integers(1, 2), "t": st.sampled_from([1, 5, 31, 32, 33, 70]), "per_group": st.integers(1, 3),
    "g": st.integers(1, 2), "p": st.integers(1, 3), "n": st.integers(1, 4),
    "largest_step": st.sampled_from([1e-3, 0.1, 1.0, 20.0]), "seed": st.integers(0, 2**31),
})  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(size=sizes, reverse=st.booleans())
def test_chunks_equal_the_reference_in_value_and_gradient(size, reverse):
    """For every shape, step size and direction, output and six gradients agree with the step-by-step scan to 1e-9."""
    inputs = scan_inputs(**size)
    expected, actual = (scan(*inputs, reverse) for scan in (ssd_scan_reference, ssd_scan))
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)
    cotangent = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(size["seed"]))
    expected_gradients = torch.autograd.grad(expected, inputs, cotangent)
    actual_gradients = torch.autograd.grad(actual, inputs, cotangent)
    torch.testing.assert_close(actual_gradients, expected_gradients, rtol=1e-9, atol=1e-9)


def test_it_is_a_selective_scan_with_decays_told_by_head():
    """Written out by channel, the scan of Mamba-1 gives the same, and `ssd_scan_states` its states."""
    x, dt, A, B, C, D = (
        v.detach() for v in scan_inputs(b=2, t=9, per_group=2, g=1, p=3, n=4, largest_step=1.0, seed=0)
    )
    by_channel = [v.repeat_interleave(3, dim=-1) for v in (dt, A, D)]
    rates = by_channel[1][:, None].expand(-1, 4)
    expected = selective_scan(x.flatten(2), by_channel[0], rates, B[:, :, 0], C[:, :, 0], by_channel[2])
    torch.testing.assert_close(ssd_scan(x, dt, A, B, C, D).flatten(2), expected, rtol=1e-9, atol=1e-10)
    states = ssd_scan_states(x, dt, A, B)
    read = (states * C[:, :, :1]).sum(-1) + D.repeat_interleave(3) * x.flatten(2)
    torch.testing.assert_close(read, expected, rtol=1e-9, atol=1e-10)


def test_scan_is_a_well_formed_custom_op():
    """Schema, fake kernel and autograd registration agree, so that export and fake tensors can be trusted."""
    inputs = scan_inputs(b=1, t=5, per_group=2, g=1, p=2, n=2, largest_step=1.0, seed=0)
    torch.library.opcheck(ssd_scan, inputs)


def test_the_encoder_is_causal():
    """A later step changes no earlier row, and changes its own."""
    torch.manual_seed(0)
    encoder, x = SSDEncoder(SSDConfig(d_input=3, n_groups=2, n_layers=2)).eval(), torch.randn(2, 12, 3)
    changed = x.clone()
    changed[:, 7:] += 1.0
    with torch.no_grad():
        before, after = encoder(x), encoder(changed)
    torch.testing.assert_close(after[:, :7], before[:, :7])
    assert (after[:, 7:] - before[:, 7:]).abs().amax(dim=-1).min() > 1e-3


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"d_state": 0}, "d_state must be at least 1, got 0"),
        ({"d_head": 5}, "d_inner 32 must be a multiple of d_head 5"),
        ({"n_groups": 3}, "the 4 heads of n_groups 3"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes, message):
    """The message names the size and the value."""
    with pytest.raises(ConfigError, match=message):
        SSDConfig(d_input=3, **sizes)
