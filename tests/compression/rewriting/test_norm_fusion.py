"""Norms as published code spells them out become one operator; what only looks like one stays."""

from collections.abc import Callable

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, nodes_behind, normal
from torch import Tensor, nn

from smidgen.compression import import_model

aten = torch.ops.aten

X = normal(12, 6, 8) + 0.5
LAYERS = {
    "gain": nn.Parameter(normal(8, seed=1).abs() + 0.3), "shift": nn.Parameter(normal(8, seed=2)),
    "by_step": nn.Parameter(normal(6, seed=3).abs() + 0.3),
}  # fmt: skip
Spelling = Callable[..., Tensor]


def centred(x: Tensor, dim: int = -1) -> Tensor:
    """x without its mean."""
    return x - x.mean(dim, keepdim=True)


RMS: dict[str, Spelling] = {
    "llama": lambda m, x: m.gain * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)),
    "a quotient": lambda m, x: x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + 1e-6) * m.gain,
    "a power": lambda m, x: x * (x**2).mean(2, keepdim=True).add(1e-5).pow(-0.5),
    "one over a root": lambda m, x: x * (1 / torch.sqrt(torch.mean(x.square(), -1, True) + 1e-5)),
    "one more than the weight": lambda m, x: (x * torch.rsqrt(x.pow(2).mean(-1, True) + 1e-5)) * (1.0 + m.gain),
    "along time": lambda m, x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-5) * m.by_step[:, None],
}
LAYER: dict[str, Spelling] = {
    "variance": lambda m, x: (
        m.gain * (centred(x) / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)) + m.shift
    ),
    "mean of squares": lambda m, x: (
        (d := centred(x)) * torch.rsqrt(d.pow(2).mean(-1, keepdim=True) + 1e-5) * m.gain + m.shift
    ),
    "var_mean": lambda m, x: (
        (x - (vm := torch.var_mean(x, -1, unbiased=False, keepdim=True))[1]) / (vm[0] + 1e-5).sqrt() * m.gain
    ),
    "bare": lambda m, x: centred(x) / (x.var(-1, keepdim=True, correction=0) + 1e-5) ** 0.5,
    "channels first": lambda m, x: (
        m.by_step[:, None] * (centred(x, 1) / torch.sqrt(centred(x, 1).pow(2).mean(1, keepdim=True) + 1e-6))
        + m.by_step.flip(0)[:, None]
    ),
}
OTHERS: dict[str, Spelling] = {
    "another tensor": lambda m, x: x * torch.rsqrt(x.tanh().pow(2).mean(-1, keepdim=True) + 1e-5),
    "an unbiased variance": lambda m, x: centred(x) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5),
    "eps behind the root": lambda m, x: centred(x) / (x.var(-1, keepdim=True, unbiased=False).sqrt() + 1e-5),
    "over two axes": lambda m, x: x * torch.rsqrt(x.pow(2).mean((1, 2), keepdim=True) + 1e-5),
    "the mean of another axis": lambda m, x: centred(x, 1) / torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5),
}
ALL = {**RMS, **LAYER, **OTHERS}
NORMS = {aten.rms_norm.default: RMS, aten.layer_norm.default: LAYER}


@pytest.fixture(scope="module")
def program():
    """All of them, exported once."""
    return import_model(Functions(ALL, LAYERS).eval(), (X,))


@pytest.mark.parametrize("name", [*RMS, *LAYER])
def test_a_spelling_becomes_one_operator(program, name: str) -> None:
    """Nothing stays beside it but an exchange of axes: weight and bias are its own."""
    nodes = [node for node in nodes_behind(program, list(ALL).index(name)) if node.op == "call_function"]
    (norm,) = (node for node in nodes if node.target in NORMS)
    assert name in NORMS[norm.target]
    assert {node.target for node in nodes if node is not norm} <= {aten.transpose.int}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_such_norm_stays(program, name: str) -> None:
    """Another tensor, another divisor, another place of eps, another axis."""
    assert not [node for node in nodes_behind(program, list(ALL).index(name)) if node.target in NORMS]


def test_they_compute_the_same() -> None:
    """In every precision, and in C."""
    assert_equal_everywhere({**RMS, **LAYER}, (X,), {"float32": 110.0, "int8-pure": 30.0, "int16": 55.0}, **LAYERS)
