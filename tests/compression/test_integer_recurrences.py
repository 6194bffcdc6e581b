"""Recurrences in the fake-quantised program are those of the firmware, integer for integer, with the float gradient."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_models import lowered, normal
from torch import Tensor, nn

from smidgen.compression import Recipe, fake_quantize
from smidgen.compression.fake_quantization import straight_through
from smidgen.models.selective_scan import selective_scan
from smidgen.models.ssd_scan import ssd_scan

STEPS = 12


class Scan(nn.Module):
    """A selective scan of inputs, 4 channels of 3 states."""

    def __init__(self) -> None:
        super().__init__()
        self.A_log = nn.Parameter(normal(4, 3))
        self.D = nn.Parameter(normal(4))

    def forward(self, u: Tensor, delta: Tensor, B: Tensor, C: Tensor) -> Tensor:
        return selective_scan(u, delta, -torch.exp(self.A_log), B, C, self.D)


class HeadScan(nn.Module):
    """A scan of inputs with one decay a head: 2 heads of 3 channels, 1 group of 4 states."""

    def __init__(self) -> None:
        super().__init__()
        self.A_log = nn.Parameter(normal(2))
        self.D = nn.Parameter(normal(2))

    def forward(self, x: Tensor, dt: Tensor, B: Tensor, C: Tensor) -> Tensor:
        return ssd_scan(x, dt, -torch.exp(self.A_log), B, C, self.D)


class FromState(nn.Module):
    """A recurrent layer that begins with states of its own, and returns the last ones too."""

    def __init__(self, layer: nn.Module, n_states: int) -> None:
        super().__init__()
        self.layer = layer
        self.first = nn.ParameterList(2.0 * normal(1, 1, 5, seed=seed) for seed in range(n_states))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        first = tuple(state.expand(1, x.shape[0], 5) for state in self.first)
        states, last = self.layer(x, first if len(first) > 1 else first[0])
        return (states, *(last if isinstance(last, tuple) else (last,)))


def scanned() -> tuple[Tensor, ...]:
    """Return u, delta, B and C for `Scan`."""
    return normal(9, STEPS, 4), normal(9, STEPS, 4, seed=1).exp() * 0.1, *(normal(9, STEPS, 3, seed=s) for s in (2, 3))


MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], tuple[Tensor, ...]]]] = {
    "selective_scan": (Scan, scanned),
    "ssd_scan": (
        HeadScan,
        lambda: (
            normal(9, STEPS, 2, 3),
            normal(9, STEPS, 2, seed=1).exp() * 0.1,
            normal(9, STEPS, 1, 4, seed=2),
            normal(9, STEPS, 1, 4, seed=3),
        ),
    ),
    "gru": (lambda: FromState(nn.GRU(3, 5, batch_first=True), 1), lambda: (normal(9, STEPS, 3),)),
    "lstm": (lambda: FromState(nn.LSTM(3, 5, batch_first=True), 2), lambda: (normal(9, STEPS, 3),)),
    "rnn_tanh": (lambda: FromState(nn.RNN(3, 5, batch_first=True), 1), lambda: (normal(9, STEPS, 3),)),
    "rnn_relu": (
        lambda: FromState(nn.RNN(3, 5, batch_first=True, nonlinearity="relu"), 1),
        lambda: (normal(9, STEPS, 3),),
    ),
}


@pytest.mark.parametrize(
    "recipe", ["int8", "int8-pure", Recipe(name="narrow", scan_state="int16")], ids=["int8", "int8-pure", "state-int16"]
)
@pytest.mark.parametrize("name", MODELS)
def test_the_forward_is_the_firmware(name: str, recipe: str | Recipe) -> None:
    """Every output is the integer graph's, to the last bit but for roundings of the projection in front: one step.

    A scan of inputs has nothing in front of it, and is equal.
    """
    torch.manual_seed(0)
    model, inputs = MODELS[name][0](), MODELS[name][1]()
    rungs = lowered(model, inputs, recipe)
    held = zip(rungs.program.input_names, inputs, strict=True)
    inputs = tuple(straight_through(x, rungs.plan.qparams[name]) for name, x in held)
    apart = 1e-3 if "scan" in name else 1.001
    for output, found, simulated in zip(
        rungs.graph.outputs, rungs.integers(inputs), rungs.fake_quantized(inputs), strict=True
    ):
        qparams = rungs.graph[output].qparams
        assert qparams is not None
        np.testing.assert_allclose(simulated, found, atol=apart * qparams.scale, rtol=1e-6)


def test_the_gradient_is_that_of_the_float_recurrence() -> None:
    """At the operands that the integers stand for, where no result saturates."""
    inputs = scanned()
    rungs = lowered(Scan(), inputs)
    operands = [x.clone().requires_grad_() for x in inputs]
    fake_quantize(rungs.program, rungs.plan, tuple(operands))[0].square().sum().backward()
    names = rungs.program.input_names
    rounded = [straight_through(x, rungs.plan.qparams[n]).requires_grad_() for n, x in zip(names, inputs, strict=True)]
    rungs.program.run(tuple(rounded))[0].square().sum().backward()
    for given, exact in zip(operands, rounded, strict=True):
        assert given.grad is not None
        assert exact.grad is not None
        torch.testing.assert_close(given.grad, exact.grad, rtol=2e-3, atol=2e-3 * float(exact.grad.abs().max()))


def test_a_float_program_keeps_its_own_recurrence() -> None:
    """Under a float32 recipe nothing is rounded, the state neither."""
    inputs = scanned()
    rungs = lowered(Scan(), inputs, "float32")
    assert torch.equal(fake_quantize(rungs.program, rungs.plan, inputs)[0], rungs.program.run(inputs)[0])
