"""Operators that are taken apart into simpler ones compile, and give what PyTorch gives."""

import pytest
import torch
import torch.nn.functional as F
from small_models import assert_equal_everywhere, lowered, normal
from torch import Tensor, nn

from smidgen.compression.decompositions import decompositions

EVERY_RECIPE = {"float32": 100.0, "int16": 30.0, "int8": 25.0}


def test_other_names_of_operators_compile() -> None:
    """NumPy's names, and those of torch.linalg and torch.special, mean what the operators behind them do."""
    row = normal(4, seed=5)
    functions = {
        "clip": lambda _, x: torch.clip(x, -1.0, 1.0),
        "concat": lambda _, x: torch.concat([torch.absolute(x), torch.negative(x)], -1),
        "divide": lambda _, x: torch.divide(torch.multiply(x, 0.5), 3.0),
        "subtract": lambda m, x: torch.subtract(torch.true_divide(x, 2.0), m.row),
        "greater": lambda m, x: torch.greater(x, m.row).type_as(x) + torch.less_equal(x, 0.1).type_as(x),
        "linalg": lambda m, x: torch.linalg.vecdot(torch.linalg.matmul(x, m.square), x),
        "expit": lambda _, x: torch.special.expit(x),
    }
    assert_equal_everywhere(functions, (normal(16, 6, 4),), {"float32": 100.0}, row=row, square=normal(4, 4, seed=6))


def test_functions_without_a_kernel_of_their_own() -> None:
    """Hyperbolic and inverse hyperbolic functions, tangents and rounding to decimals, in every precision."""
    functions = {
        "tan": lambda _, x: torch.tan(torch.tanh(x)),
        "sinh": lambda _, x: torch.sinh(x) + torch.cosh(x),
        "asinh": lambda _, x: torch.asinh(3.0 * x),
        "atanh": lambda _, x: torch.atanh(0.9 * torch.tanh(x)),
        "erfc": lambda _, x: torch.erfc(x),
        "decimals": lambda _, x: torch.round(x, decimals=1),
        "sgn": lambda _, x: torch.sgn(x) * x,
        "finite": lambda _, x: torch.where(torch.isnan(x) | torch.isinf(x), torch.zeros_like(x), x),
    }
    assert_equal_everywhere(functions, (normal(16, 6, 4),), EVERY_RECIPE)


def test_functions_of_two_tensors_and_reductions() -> None:
    """Distances, logarithms of sums of exponentials, products and truth along an axis, in every precision."""
    functions = {
        "cdist": lambda m, x: torch.cdist(x, m.square),
        "city-block": lambda m, x: torch.cdist(x, x + m.row, p=1.0),
        "farthest": lambda m, x: torch.cdist(x, m.square, p=float("inf")),
        "hypot": lambda _, x: torch.hypot(x[..., 0], x[..., 1]),
        "logaddexp": lambda m, x: torch.logaddexp(x, m.row),
        "logsumexp": lambda _, x: torch.logsumexp(x, 1),
        "xlogy": lambda _, x: torch.xlogy(x, torch.abs(x) + 0.5),
        "prod": lambda _, x: torch.prod(torch.sigmoid(x[:, :5]), 1, keepdim=True),
        "heaviside": lambda m, x: torch.heaviside(x, m.row[0]) * x,
        "any": lambda _, x: (x > 0.5).any(1).float() * x[:, 0],
        "all": lambda _, x: torch.all(x > -0.5, dim=-1, keepdim=True).float() * x,
        "cross": lambda _, x: torch.cross(x[..., :3], x[..., 1:], dim=-1),
        "bilinear": lambda _, x: F.interpolate(x.unsqueeze(1), scale_factor=2, mode="bilinear"),
        "nearest": lambda _, x: F.interpolate(x.mT, size=9, mode="nearest-exact"),
    }
    floors = {**EVERY_RECIPE, "int8": 20.0}  # heaviside and any jump where a value lies half a step from the limit
    assert_equal_everywhere(functions, (normal(16, 6, 4),), floors, square=normal(4, 4, seed=6), row=normal(4, seed=5))


def _filled(x: Tensor) -> Tensor:
    y = torch.zeros(len(x), 8, 4)
    y[:, 1:7] = x
    y[:, 0, 0] = 1.0
    return y


def _cut(x: Tensor) -> Tensor:
    y = x.clone()
    y[y < 0] = 0.0
    return y


def _every_second(x: Tensor) -> Tensor:
    y = 2.0 * x
    y[:, 1:] += x[:, :-1]
    y[..., ::2] = x[..., 1::2]
    return y


def _by_list(x: Tensor) -> Tensor:
    y = 0.5 * x
    y[:, [0, -2], :] = x[:, 1:3]
    return y.index_add(1, torch.tensor([0, 0, 5]), x[:, :3], alpha=2.0)


def _allocated(x: Tensor) -> Tensor:
    y = torch.empty(len(x), 6, 4)
    for step in range(6):
        y[:, step] = x[:, 5 - step]
    return y


def _largest(x: Tensor) -> Tensor:
    return torch.zeros_like(x).scatter_(-1, x.argmax(-1, keepdim=True), 2.0) * x


@pytest.mark.parametrize(
    "function", [_filled, _cut, _every_second, _by_list, _allocated, _largest], ids=lambda f: f.__name__
)
def test_values_written_into_a_tensor(function: object) -> None:
    """Assignments to slices, to every second element, by a mask, a list or a maximum, and into fresh memory."""
    assert callable(function)
    assert_equal_everywhere({"y": lambda _, x: function(x)}, (normal(16, 6, 4),), {"float32": 100.0, "int8": 25.0})


def test_what_torch_cannot_take_apart_stays_for_the_refusal() -> None:
    """A distance of another order is not approximated: the operator stays, for lowering to name."""
    rule = decompositions()[torch.ops.aten.cdist.default]
    assert rule(normal(2, 3, 4), normal(5, 4), 3.0) is NotImplemented


def test_a_constant_is_an_operand_like_any_other() -> None:
    """A cell whose first input is a parameter, the start of a decoder, and a first state of zeros in a product."""

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.start = nn.GRUCell(4, 4), nn.Parameter(normal(4, seed=2))

        def forward(self, x: Tensor) -> Tensor:
            state = self.cell(self.start.expand(len(x), -1), x[:, 0])
            memory = x.new_zeros(len(x), 4, 4)
            for step in range(2):
                read = torch.bmm(x[:, step].unsqueeze(1), memory).squeeze(1)
                memory = memory + torch.bmm(x[:, step].unsqueeze(2), (state - read).unsqueeze(1))
            return memory

    x = normal(16, 6, 4)
    model = Decoder().eval()
    for recipe, floor in (("float32", 1e-6), ("int8", 0.05)):
        rungs = lowered(model, (x,), recipe)
        expected = model(x).detach().double().numpy()
        (found,) = rungs.integers((x,))
        assert abs(found - expected).max() <= floor * abs(expected).max()
        assert rungs.host_mismatches((x,)) == 0
