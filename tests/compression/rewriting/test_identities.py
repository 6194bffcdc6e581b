"""Products with 1 and sums with 0 leave no operator behind, and no function that a compiler would drop."""

from collections.abc import Callable

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, normal
from torch import Tensor

from smidgen.compression import import_model

X = normal(6, 3, 4)

NEUTRAL: dict[str, Callable[..., Tensor]] = {
    "product": lambda m, x: x.tanh() * 1,
    "quotient": lambda m, x: x.tanh() / 1.0,
    "sum": lambda m, x: x.tanh() + 0,
    "difference": lambda m, x: x.tanh() - 0.0,
    "power": lambda m, x: x.tanh() ** 1,
    "factor in front": lambda m, x: 1 * x.tanh(),
}
OTHERS: dict[str, Callable[..., Tensor]] = {
    "product with 2": lambda m, x: x.tanh() * 2,
    "from a number": lambda m, x: 0 - x.tanh(),
    "numbers of another type": lambda m, x: (x > 0).to(torch.int64) * 1.0,
}


def targets(function: Callable[..., Tensor]) -> list[object]:
    """Return the operators of an imported function."""
    program = import_model(Functions({"f": function}, {}), X)
    return [node.target for node in program.nodes if node.op == "call_function"]


@pytest.mark.parametrize("name", NEUTRAL)
def test_what_changes_nothing_is_gone(name: str) -> None:
    """One operator is left, the function beside it."""
    assert targets(NEUTRAL[name]) == [torch.ops.aten.tanh.default]


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_something_stays(name: str) -> None:
    """Another number, another side, another type."""
    assert len(targets(OTHERS[name])) == 2 + (name == "numbers of another type")


def test_the_program_computes_the_same() -> None:
    """In every precision, and in C."""
    whole = {"f": lambda m, x: (x.tanh() * 1 + 0) / 1}
    assert_equal_everywhere(whole, (X,), {"float32": 120.0, "int8-pure": 30.0, "int16": 60.0})
