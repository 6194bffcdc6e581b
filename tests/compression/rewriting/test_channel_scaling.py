"""Scales and shifts by channel become part of the weights in front of them, or a convolution of one tap."""

from collections.abc import Callable

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, normal
from torch import Tensor, nn

from smidgen.compression import import_model
from smidgen.compression.structure import label, op_name

SEQUENCE, IMAGE = normal(16, 4, 12), normal(16, 4, 6, 5, seed=1)
WEIGHTED_DB = {"float32": 120.0, "int8-pure": 34.0, "int16": 45.0}
#: A channel of one weight has the full precision of its multiplier.
UNWEIGHTED_DB = {"float32": 120.0, "int8-pure": 37.0, "int16": 75.0}


def trained(norm: nn.Module) -> nn.Module:
    """Give a batch norm statistics and weights other than those it is born with."""
    generator = torch.Generator().manual_seed(3)
    for name, value in (*norm.named_parameters(), *norm.named_buffers()):
        if value.is_floating_point():
            value.data = torch.rand(value.shape, generator=generator) + (0.5 if name.endswith(("weight", "var")) else 0)
    return norm


torch.manual_seed(0)
LAYERS = {
    "conv": nn.Conv1d(4, 6, 3, padding=1, bias=False), "conv_norm": trained(nn.BatchNorm1d(6)),
    "image": nn.Conv2d(4, 3, 3), "image_norm": trained(nn.BatchNorm2d(3, affine=False)),
    "up": nn.ConvTranspose1d(4, 3, 2, stride=2), "up_norm": trained(nn.BatchNorm1d(3)),
    "linear": nn.Linear(12, 5), "linear_norm": trained(nn.BatchNorm1d(5)), "row": normal(5, seed=4).abs() + 0.2,
    "norm": trained(nn.BatchNorm1d(4)), "vector_norm": trained(nn.BatchNorm1d(12)),
    "planes_norm": trained(nn.BatchNorm2d(4)),
    "running": trained(nn.InstanceNorm1d(4, affine=True, track_running_stats=True)),
}  # fmt: skip
MERGED: dict[str, tuple[Callable[..., Tensor], str]] = {
    "batch norm of a convolution": (lambda m, x, y: m.conv_norm(m.conv(x)), "conv:conv1d"),
    "batch norm of images": (lambda m, x, y: m.image_norm(m.image(y)), "image:conv2d"),
    "batch norm of a transposed convolution": (lambda m, x, y: m.up_norm(m.up(x)), "up:conv_transpose1d"),
    "batch norm of a linear layer": (lambda m, x, y: m.linear_norm(m.linear(x[:, 0])), "linear:linear"),
    "batch norm behind a transposition": (lambda m, x, y: m.linear_norm(m.linear(x).mT), ":transpose"),
    "layer scale": (lambda m, x, y: m.row * m.linear(x), "linear:linear"),
    "numbers": (lambda m, x, y: m.conv(x) * 0.5 + 1.0, "conv:conv1d"),
    "a quotient and a difference": (lambda m, x, y: m.linear(x) / m.row - m.row, "linear:linear"),
    "one by channel": (lambda m, x, y: m.conv(x) * m.conv_norm.weight[:, None], "conv:conv1d"),
}
ALONE: dict[str, Callable[..., Tensor]] = {
    "batch norm of an input": lambda m, x, y: m.norm(x),
    "batch norm of a vector": lambda m, x, y: m.vector_norm(x[:, 0]),
    "batch norm of planes": lambda m, x, y: m.planes_norm(y),
    "instance norm by stored statistics": lambda m, x, y: m.running(x),
}


def test_scaled_layers_follow_pytorch() -> None:
    """Every way of scaling a layer's channels, under every recipe."""
    functions = {name: function for name, (function, _) in MERGED.items()}
    assert_equal_everywhere(functions, (SEQUENCE, IMAGE), WEIGHTED_DB, **LAYERS)


def test_batch_norms_without_a_layer_in_front_follow_pytorch() -> None:
    """Their channels each have a multiplier of their own: 8 bits lose nothing but their rounding."""
    assert_equal_everywhere(ALONE, (SEQUENCE, IMAGE), UNWEIGHTED_DB, **LAYERS)


@pytest.mark.parametrize("name", MERGED)
def test_nothing_is_left_of_the_scale(name: str) -> None:
    """What computes is the layer alone, under its own name, and calibration sees the range after the scale."""
    function, expected = MERGED[name]
    program = import_model(Functions({name: function}, LAYERS).eval(), (SEQUENCE, IMAGE))
    computing = [node for node in program.nodes if node.name not in program.constants and node.op == "call_function"]
    last = [node for node in computing if op_name(node) not in ("squeeze", "unsqueeze", "select", "slice")]
    assert label(last[-1]) == expected
    assert len(last) == (2 if expected.endswith(":transpose") else 1)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x, y: m.conv_norm(m.conv(x)) + m.conv(x).relu(),
        lambda m, x, y: (lambda z: m.conv_norm(z) + z)(m.conv(x)),
        lambda m, x, y: m.linear(x) * m.norm.weight[:, None],
        lambda m, x, y: m.linear(x) + m.linear.weight[:4, :5] @ m.linear.weight[:5, :5],
        lambda m, x, y: m.linear(x) * m.linear(x).sigmoid(),
    ],
    ids=["another call", "another reader", "another axis", "two axes", "of an input"],
)
def test_what_must_stay_stays(function: Callable[..., Tensor]) -> None:
    """A layer that somebody else reads, a scale along another axis, a scale that an input decides: values keep."""
    assert_equal_everywhere({"case": function}, (SEQUENCE, IMAGE), {"float32": 110.0}, **LAYERS)
