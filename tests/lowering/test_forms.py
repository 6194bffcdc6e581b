"""Forms in which modules are written: each lowers in float32 and in integers alike, to the same values."""

from collections.abc import Callable

import pytest
import torch
from small_models import lowered, normal, sqnr_db
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression.structure import POINTWISE
from smidgen.lowering import supported_operators

X = normal(64, 6, 4)
FLOOR_DB = {"float32": 120.0, "int16": 45.0, "int8": 35.0}


class Forms(nn.Module):
    """Functions of one input as the outputs of one model."""

    def __init__(self, *functions: Callable[["Forms", Tensor], Tensor]) -> None:
        super().__init__()
        self.functions = functions
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.mean, self.spread = nn.Parameter(normal(4, seed=1)), nn.Parameter(normal(6, 4, seed=2).abs() + 0.5)
        self.pair = nn.Parameter(normal(8, seed=3))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(self, x) for function in self.functions)


def assert_follows(*functions: Callable[[Forms, Tensor], Tensor], recipes: tuple[str, ...] = tuple(FLOOR_DB)) -> None:
    """Every function is above the floor of every recipe."""
    model = Forms(*functions).eval()
    with torch.no_grad():
        exact = [value.double().numpy() for value in model(X)]
    for recipe in recipes:
        for index, (found, real) in enumerate(zip(lowered(model, (X,), recipe).integers((X,)), exact, strict=True)):
            assert found.shape == real.shape, (recipe, index)
            assert sqnr_db(found, real) >= FLOOR_DB[recipe], (recipe, index)


def test_functions() -> None:
    """Limits, reversed differences, reciprocals and a softplus of another slope."""
    assert_follows(
        lambda m, x: 2.0 - x,
        lambda m, x: torch.rsub(x, 1.5, alpha=2),
        lambda m, x: 1.0 / (x.abs() + 1.0),
        lambda m, x: F.hardtanh(x, -0.3, 0.5),
        lambda m, x: F.relu6(x * 8.0),
        lambda m, x: x.clamp_min(-0.2).clamp_max(0.7),
        lambda m, x: x.clamp(-1.0, float("inf")),
        lambda m, x: F.softplus(x, beta=2.0),
        lambda m, x: torch.sub(x, 0.5, alpha=3),
    )


def test_comparisons_that_include_equality() -> None:
    """At least and at most; int16 holds no comparison."""
    assert_follows(
        lambda m, x: torch.where(x >= 0.0, x, 0.0),
        lambda m, x: torch.where(x <= 0.0, x * 2.0, 0.0),
        recipes=("float32",),
    )


def test_differences_and_quotients() -> None:
    """Of two tensors, and with constants on either side."""
    assert_follows(
        lambda m, x: m.a(x) - m.b(x),
        lambda m, x: x - m.mean,
        lambda m, x: m.mean - x,
        lambda m, x: (x - m.mean) / m.spread,
    )


def test_what_tracing_leaves_behind() -> None:
    """Sizes computed from the batch, checks of types, copies without effect, weights in parts."""
    assert_follows(
        lambda m, x: torch.relu(x.reshape(-1, 3, 2, 4).permute(0, 3, 1, 2)).reshape(-1, 24),
        lambda m, x: m.a(x).detach() + m.a(x.clone()),
        lambda m, x: torch.ops.aten.alias(m.a(x)) + 1.0,
        lambda m, x: m.a(x).to(torch.float32),
        lambda m, x: m.a(x).expand(-1, 6, 4),
        lambda m, x: x + torch.mul(*m.pair.chunk(2)),
        lambda m, x: nn.Identity()(x) * 2.0,
    )


def test_truth_values_are_numbers() -> None:
    """A mask as a number is a function of what it compares; only int8 and float32 hold a comparison."""
    for recipe in ("float32", "int8-pure"):
        (found,) = lowered(Forms(lambda m, x: (x > 0.0).float() * 2.0), (X,), recipe).integers((X,))
        scale = 0.02 if recipe == "int8-pure" else 0.0  # what is nearest to 0 may be called 0
        sure = X.abs().numpy() > scale
        assert abs(found[sure] - 2.0 * (X.numpy()[sure] > 0)).max() <= 1e-6


def test_expansion_is_copies() -> None:
    """Axes of one element grow, one or several at once, bytes unchanged."""
    assert_follows(
        lambda m, x: m.a(x) * torch.sigmoid(m.b(x).mean(1, keepdim=True)).expand(-1, 6, -1),
        lambda m, x: x.mean(1, keepdim=True).mean(2, keepdim=True).expand(-1, 6, 4),
    )


def test_every_pointwise_function_has_a_float32_rule() -> None:
    """What folds to a table lowers in float32 too."""
    assert not {str(target) for target in POINTWISE} - set(supported_operators())


@pytest.mark.parametrize("recipe", ["int8", "int16"])
def test_a_difference_keeps_the_precision_of_a_sum(recipe: str) -> None:
    """It has 16 bits where a sum has."""
    rungs = lowered(Forms(lambda m, x: m.a(x) - m.b(x)), (X,), recipe)
    assert {rungs.graph[name].dtype for op in rungs.graph.ops if op.kind == "add" for name in op.inputs} == {"int16"}
