"""Functions of one tensor follow PyTorch in every precision, and C gives the same bytes."""

from collections.abc import Callable

import numpy as np
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal, sqnr_db
from torch import Tensor, nn
from torch.nn import functional as F

X = normal(64, 6, 4)

#: Each is smooth, or bends: the rounding of the input is all that integers lose.
SMOOTH: dict[str, Callable[..., Tensor]] = {
    **{name: lambda m, x, name=name: getattr(torch, name)(x)
       for name in ("relu", "sigmoid", "tanh", "exp", "expm1", "sin", "cos", "erf", "neg", "abs", "square", "exp2")},
    **{name: lambda m, x, name=name: getattr(F, name)(x)
       for name in ("silu", "mish", "hardswish", "hardsigmoid", "softsign", "elu", "selu", "celu", "leaky_relu",
                    "relu6", "logsigmoid", "tanhshrink", "softshrink", "gelu", "rrelu")},
    "elu of another slope": lambda m, x: F.elu(x, 0.5),
    "celu of another slope": lambda m, x: F.celu(x, 2.0),
    "cube": lambda m, x: x**3,
    "power of two": lambda m, x: 2.0**x,
    "reversed difference": lambda m, x: 1.0 - x,
    "alpha": lambda m, x: torch.add(x, x.tanh(), alpha=0.5),
    "prelu": lambda m, x: m.prelu(x),
    "own scalar": lambda m, x: x * m.gain - m.gain,
    "conversions": lambda m, x: x.double().sigmoid().float(),
}  # fmt: skip
#: Of positive numbers, some of which come near 0.
POSITIVE: dict[str, Callable[..., Tensor]] = {
    **{name: lambda m, x, name=name: getattr(torch, name)(x) for name in ("log", "log1p", "log2", "log10", "sqrt")},
    "rsqrt": lambda m, x: torch.rsqrt(x + 0.1),
    "reciprocal": lambda m, x: 1.0 / (x + 0.1),
    "power": lambda m, x: x**0.7,
    "fourth root": lambda m, x: x.pow(0.25),
}
#: Jumps, which fall between what int8 can say of these inputs.
JUMPS: dict[str, Callable[..., Tensor]] = {
    **{name: lambda m, x, name=name: getattr(torch, name)(x) for name in ("floor", "ceil", "round", "trunc", "sign")},
    "threshold": lambda m, x: F.threshold(x, 0.26, -3.0),
    "hardshrink": lambda m, x: F.hardshrink(x, 0.27),
    "remainder": lambda m, x: x % 3.3,
    "fmod": lambda m, x: torch.fmod(x, 3.3),
    "whole part": lambda m, x: x // 0.77,
    "ramp": lambda m, x: torch.where(x > 0.26, x * 2.0, x * 0.1),
    "two jumps": lambda m, x: torch.where(x > 0.26, x, 1.0) + (x < -0.27).float(),
    "inside": lambda m, x: ((x > -0.27) & (x <= 0.26)).float(),
    "outside": lambda m, x: torch.logical_or(x < -0.27, ~(x < 0.26)).float() * 2.0,
    "masked_fill": lambda m, x: x.masked_fill(x > 0.26, -0.5),
}


def test_smooth_functions() -> None:
    """Activations, exponentials, waves and powers."""
    layers = {"prelu": nn.PReLU(init=0.3), "gain": nn.Parameter(torch.tensor([1.7]))}
    assert_equal_everywhere(SMOOTH, (X,), {"int8-pure": 30.0, "int16": 55.0, "float32": 118.0}, **layers)


def test_functions_of_positive_numbers() -> None:
    """Logarithms, roots and reciprocals, which bend most where x comes near 0."""
    x = X.abs() + 0.02
    assert_equal_everywhere(POSITIVE, (x,), {"int16": 55.0, "float32": 118.0})


def test_functions_that_jump() -> None:
    """Rounding, comparisons and remainders: int16 parts a function at its jumps and loses nothing there."""
    scale = float(X.abs().max()) / 127
    x = (X / scale).round() * scale  # what int8 can say, so that no jump lies within its rounding
    assert_equal_everywhere(JUMPS, (x,), {"int16": 55.0, "float32": 118.0})


def test_a_table_of_its_own_where_a_function_bends() -> None:
    """A logarithm of values over four decades keeps 50 dB in int16, where one table would give 20."""
    x = torch.exp(torch.linspace(-9.0, 0.5, 64 * 24)).reshape(64, 6, 4)
    rungs = lowered(Functions({"log": lambda m, x: torch.log(x)}, {}), (x,), "int16")
    assert [op.kind for op in rungs.graph.ops] == ["rescale", "table", "table", "steps", "select"]
    seen = x[(x > 0.01).all(-1).all(-1)]  # int16 itself says smaller ones with fewer bits
    (found,) = rungs.integers((seen,))
    assert sqnr_db(found, torch.log(seen).double().numpy()) > 50.0


def test_a_pole_that_was_never_met_costs_nothing() -> None:
    """1 / x of values from 1 to 4 is one table; what lies nearer to the pole is level."""
    x = torch.linspace(1.0, 4.0, 64 * 24).reshape(64, 6, 4)
    rungs = lowered(Functions({"reciprocal": lambda m, x: 1.0 / x}, {}), (x,), "int16")
    assert [op.kind for op in rungs.graph.ops] == ["table"]
    (found,) = rungs.integers((x,))
    assert sqnr_db(found, 1.0 / x.double().numpy()) > 60.0
    assert np.isfinite(rungs.integers((torch.zeros(1, 6, 4),))[0]).all()
