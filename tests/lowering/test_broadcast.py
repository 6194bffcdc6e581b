"""Arithmetic, comparisons and choices of several tensors follow PyTorch, shapes broadcast, as does their C."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor, nn
from torch.nn import functional as F

INPUTS = (normal(64, 6, 4), normal(64, 6, 4, seed=1))
#: Numbers that differ by more than what int16 rounds, from each other and from 0.
APART = (INPUTS[0].mul(64).round().add(0.5) / 64, INPUTS[1].mul(64).round() / 64)
LAYERS = {
    "row": nn.Parameter(normal(4, seed=2)), "column": nn.Parameter(normal(6, 1, seed=3)),
    "table": nn.Parameter(normal(1, 6, 4, seed=4)), "mask": torch.arange(24).reshape(6, 4) % 3 == 0,
    "steep": nn.PReLU(6, init=1.5), "flat": nn.PReLU(6, init=0.2),
}  # fmt: skip

ARITHMETIC: dict[str, Callable[..., Tensor]] = {
    "rows": lambda m, x, y: x * y.mean(1, keepdim=True),
    "columns": lambda m, x, y: x - y.mean(2, keepdim=True),
    "both": lambda m, x, y: x.mean(1, keepdim=True) + y.mean(2, keepdim=True),
    "outer product": lambda m, x, y: x[:, :, None] * y[:, None],
    "of vectors": lambda m, x, y: x[:, 0] * y[:, 0, :1],
    "expanded": lambda m, x, y: x * y.mean(1, keepdim=True).expand(-1, 6, -1),
    "constants": lambda m, x, y: (x + m.row) * m.column - m.table,
    "constant first": lambda m, x, y: m.row - x,
    "scaled sum": lambda m, x, y: torch.sub(x, y, alpha=0.25),
    "weighted": lambda m, x, y: torch.lerp(x, y, 0.3) + torch.addcmul(x, y, m.row, value=0.5),
    "quotient": lambda m, x, y: x / (y.abs() + 0.5),
    "quotient by constants": lambda m, x, y: x / (m.row.abs() + 0.5),
    "quotient of constants": lambda m, x, y: m.row / (y.abs() + 0.5),
    "maximum": lambda m, x, y: torch.maximum(x, y * 3.0),
    "minimum with a row": lambda m, x, y: torch.minimum(m.row, x),
    "limits by channel": lambda m, x, y: torch.clamp(x, min=-m.row.abs(), max=m.row.abs()),
    "flat prelu": lambda m, x, y: m.flat(x),
    "steep prelu": lambda m, x, y: m.steep(x),
    "glu": lambda m, x, y: F.glu(x),
    "gate of another": lambda m, x, y: x * torch.sigmoid(y),
    "difference along time": lambda m, x, y: torch.diff(x, dim=1),
    "time first": lambda m, x, y: (x.transpose(0, 1) * y.transpose(0, 1).mean(0, keepdim=True)).transpose(0, 1),
}
CHOICES: dict[str, Callable[..., Tensor]] = {
    "where": lambda m, x, y: torch.where(x > 0.0, y, x * 2.0),
    "where of tensors": lambda m, x, y: torch.where(x > y, x, -y),
    "constant mask": lambda m, x, y: x.masked_fill(m.mask, -1.0),
    "constant mask of two": lambda m, x, y: torch.where(m.mask, x, y),
    "masked product": lambda m, x, y: x * m.mask,
    "upper triangle": lambda m, x, y: torch.triu(x),
    "and": lambda m, x, y: ((x > 0.0) & (y > 0.0)).float() * 2.0,
    "or": lambda m, x, y: ((x > 0.0) | (y.abs() < 0.51)).float(),
    "exclusive or": lambda m, x, y: ((x > 0.0) ^ (y > 0.0)).float() + 1.0,
    "at least": lambda m, x, y: (x >= y).float(),
    "below a row": lambda m, x, y: (x < m.row).float(),
    "not more": lambda m, x, y: (~(x > y)).float(),
}  # fmt: skip


def test_arithmetic() -> None:
    """Sums, products, quotients and extremes, however their operands are repeated."""
    assert_equal_everywhere(ARITHMETIC, INPUTS, {"int8-pure": 27.0, "int16": 55.0, "float32": 120.0}, **LAYERS)


def test_choices() -> None:
    """Truth values decide as they do in PyTorch."""
    assert_equal_everywhere(CHOICES, APART, {"int16": 55.0, "float32": 120.0}, **LAYERS)


@pytest.mark.parametrize("recipe", ["int8-pure", "int16", "float32"])
def test_a_row_is_stored_as_a_row(recipe: str) -> None:
    """Neither a constant nor a computed operand is copied to the shape of the result."""
    model = Functions({"": lambda m, x: (x + m.row) * x.mean(1, keepdim=True).expand(-1, 6, -1)}, LAYERS)
    graph = lowered(model, INPUTS[:1], recipe).graph
    assert [tensor.shape for tensor in graph.tensors.values() if tensor.data is not None] == [(4,)]
    assert {graph[name].shape for op in graph.ops if op.kind == "mul" for name in op.inputs} == {(6, 4), (1, 4)}


def test_operands_repeated_in_too_many_ways_are_copied() -> None:
    """Kernels walk over four axes; what needs more is copied first, and gives the same."""
    x = normal(4, 2, 3, 2, 3, 2)
    model = {"": lambda m, x: x * x[:, :, :1, :, :1] + x[:, :1, :, :1, :, :1]}
    assert_equal_everywhere(model, (x,), {"int16": 55.0, "float32": 120.0})


def test_a_quotient_by_zero_is_the_end_of_the_range() -> None:
    """Positive above, negative below, and 0 / 0 is 0, in integers; nothing is undefined."""
    x, y = torch.tensor([[1.0, -1.0, 0.0]] * 8), torch.linspace(-1.0, 1.0, 8)[:, None].expand(-1, 3).clone()
    rungs = lowered(Functions({"": lambda m, x, y: x / y}, {}), (x, y), "int16")
    (found,) = rungs.integers((x[:1], torch.zeros(1, 3)))
    qparams = rungs.graph[rungs.graph.outputs[0]].qparams
    assert qparams is not None
    np.testing.assert_allclose(found[0], np.array([32767, -32767, 0]) * qparams.scale)


def test_equal_values_are_equal() -> None:
    """A tensor equals itself everywhere, through two paths."""
    model = Functions({"": lambda m, x: ((x * 1.0 + m.row) == (m.row + x)).float()}, LAYERS)
    for recipe in ("int8-pure", "int16", "float32"):
        assert lowered(model, INPUTS[:1], recipe).integers(INPUTS[:1])[0].min() > 0.99
