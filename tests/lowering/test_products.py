"""Products mean the same in PyTorch and lowered, in every spelling: with constants they are layers, else matmul."""

from collections.abc import Callable

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import Input

INPUTS = (normal(32, 6, 4), normal(32, 6, 4, seed=1))
LAYERS = {
    "right": nn.Parameter(normal(4, 5, seed=2)), "left": nn.Parameter(normal(7, 6, seed=3)),
    "heads": nn.Parameter(normal(2, 2, 3, seed=4)), "vector": nn.Parameter(normal(4, seed=5)),
    "bias": nn.Parameter(normal(5, seed=6)), "pair": nn.Bilinear(4, 4, 3),
}  # fmt: skip


def heads(x: Tensor) -> Tensor:
    """(b, 6, 4) to (b, 6, 2, 2)."""
    return x.view(-1, 6, 2, 2)


def test_products_with_constants() -> None:
    """On either side, by matmul, einsum and their like; a matrix for each head is a grouped convolution."""
    assert_equal_everywhere(
        {
            "x @ w": lambda m, x, y: x @ m.right,
            "w @ x": lambda m, x, y: m.left @ x,
            "with a vector": lambda m, x, y: x @ m.vector,
            "a vector with it": lambda m, x, y: m.left[0] @ x,
            "addmm": lambda m, x, y: torch.addmm(m.bias, x[:, 0], m.right, beta=0.5, alpha=2.0),
            "einsum": lambda m, x, y: torch.einsum("bnd,de->bne", x, m.right),
            "einsum over tokens": lambda m, x, y: torch.einsum("bnd,mn->bmd", x, m.left),
            "einsum with an ellipsis": lambda m, x, y: torch.einsum("...d,de", x, m.right),
            "einsum by head": lambda m, x, y: torch.einsum("bthd,hde->bthe", heads(x), m.heads),
            "matmul by head": lambda m, x, y: heads(x).transpose(1, 2) @ m.heads,
            "tensordot": lambda m, x, y: torch.tensordot(x, m.right, dims=([2], [0])),
            "inner": lambda m, x, y: torch.inner(x, m.right.t()),
            "a weight that is computed": lambda m, x, y: F.linear(x, m.right.t() * 2.0),
        },
        INPUTS, {"float32": 120.0, "int8-pure": 34.0, "int16": 43.0}, **LAYERS,
    )  # fmt: skip


def test_products_of_two_tensors() -> None:
    """Batched, transposed, shared, with vectors, with what is added to them."""
    assert_equal_everywhere(
        {
            "bmm": lambda m, x, y: torch.bmm(x, y.transpose(1, 2)),
            "matmul": lambda m, x, y: x.transpose(1, 2) @ y,
            "baddbmm": lambda m, x, y: torch.baddbmm(x @ y.mT, y, x.mT, alpha=0.5),
            "einsum": lambda m, x, y: torch.einsum("btd,bsd->bts", x, y),
            "einsum by head": lambda m, x, y: torch.einsum("bthd,bshd->bhts", heads(x), heads(y)),
            "einsum to another order": lambda m, x, y: torch.einsum("bld,bln->bnd", x, y),
            "by row": lambda m, x, y: torch.einsum("btd,btd->bt", x, y),
            "with a vector": lambda m, x, y: (x @ y[:, 0].unsqueeze(-1)).squeeze(-1),
            "one matrix for all heads": lambda m, x, y: heads(x).transpose(1, 2) @ y[:, None, :2],
        },
        INPUTS, {"float32": 120.0, "int8-pure": 34.0, "int16": 70.0}, **LAYERS,
    )  # fmt: skip


def test_bilinear_layers() -> None:
    """x1 W x2 for every output: a layer, then a product."""
    assert_equal_everywhere(
        {"bilinear": lambda m, x, y: m.pair(x[:, 0], y[:, 1])},
        INPUTS, {"float32": 120.0, "int8-pure": 32.0, "int16": 43.0}, **LAYERS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda m, x, y: x @ m.right, ["linear"]),
        (lambda m, x, y: torch.einsum("bnd,mn->bmd", x, m.left), ["transpose", "linear", "transpose"]),
        (lambda m, x, y: torch.einsum("btd,bsd->bts", x, y), ["transpose", "matmul"]),
    ],
    ids=["with a constant", "over tokens", "of two"],
)
def test_a_product_is_one_operator(function: Callable[..., Tensor], expected: list[str]) -> None:
    """Nothing is left of its spelling."""
    graph = lowered(Functions({"product": function}, LAYERS), INPUTS, "int8").graph
    assert [op.kind for op in graph.ops] == expected


def test_an_operand_with_a_zero_point_is_rescaled() -> None:
    """An input declared with one is brought to int16 first."""
    declared = {"x": Input(dtype="int8", scale=0.03, zero_point=5)}

    class Product(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x @ y.mT

    rungs = lowered(Product(), INPUTS, "int8", declared)
    assert [op.kind for op in rungs.graph.ops] == ["transpose", "rescale", "matmul"]
    assert rungs.host_mismatches(INPUTS) == 0
