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
    "product with ones": lambda m, x: torch.ones(4) * x.tanh(),
    "quotient by a difference that is 1": lambda m, x: x.tanh() / (torch.arange(1.0, 5.0) - torch.arange(4.0)),
    "sum with zeros": lambda m, x: x.tanh() + torch.zeros(3, 1),
}
#: With the number of operators that stay.
OTHERS: dict[str, tuple[Callable[..., Tensor], int]] = {
    "product with 2": (lambda m, x: x.tanh() * 2, 2),
    "product with ones that repeats": (lambda m, x: x.tanh().mean(1, keepdim=True) * torch.ones(3, 4), 3),
    "ones and a two": (lambda m, x: x.tanh() * torch.tensor([1.0, 1.0, 2.0, 1.0]), 2),
    "from a number": (lambda m, x: 0 - x.tanh(), 2),
    "numbers of another type": (lambda m, x: (x > 0).to(torch.int64) * 1.0, 3),
}


def targets(function: Callable[..., Tensor]) -> list[object]:
    """Return the operators of an imported function."""
    program = import_model(Functions({"f": function}, {}), X)
    return [n.target for n in program.nodes if n.op == "call_function" and n.name not in program.constants]


@pytest.mark.parametrize("name", NEUTRAL)
def test_what_changes_nothing_is_gone(name: str) -> None:
    """One operator is left, the function beside it."""
    assert targets(NEUTRAL[name]) == [torch.ops.aten.tanh.default]


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_something_stays(name: str) -> None:
    """Another number, another side, another type."""
    function, count = OTHERS[name]
    assert len(targets(function)) == count


def test_the_program_computes_the_same() -> None:
    """In every precision, and in C."""
    whole = {"f": lambda m, x: (x.tanh() * 1 + 0) / 1}
    assert_equal_everywhere(whole, (X,), {"float32": 120.0, "int8-pure": 30.0, "int16": 60.0})
