"""Norms mean the same in PyTorch and lowered: over rows, several axes, groups of channels, instances."""

import torch
from small_models import assert_equal_everywhere, normal
from torch import nn
from torch.nn import functional as F

IMAGE, SEQUENCE = normal(32, 4, 6, 5), normal(32, 4, 12, seed=1)
FLOORS_DB = {"float32": 120.0, "int8-pure": 37.0, "int16": 75.0}


def trained(norm: nn.Module) -> nn.Module:
    """Give a norm weights other than those it is born with."""
    for parameter in norm.parameters():
        parameter.data = 0.5 + torch.rand(parameter.shape, generator=torch.Generator().manual_seed(3))
    return norm


def test_norms() -> None:
    """With weights and without, on sequences and images, on vectors that were made a batch of their own."""
    assert_equal_everywhere(
        {
            "layer norm of two axes": lambda m, x, y: m.rows(y),
            "layer norm of two axes, plain": lambda m, x, y: F.layer_norm(x, (6, 5)),
            "rms norm of two axes": lambda m, x, y: F.rms_norm(y, (4, 12), eps=1e-3),
            "group norm": lambda m, x, y: m.groups(y),
            "group norm of images": lambda m, x, y: m.groups(x),
            "group norm of one group": lambda m, x, y: F.group_norm(y, 1),
            "group norm of each step": lambda m, x, y: m.steps(y.reshape(-1, 12)).reshape(-1, 4, 12),
            "instance norm": lambda m, x, y: m.instance(y),
            "instance norm of images": lambda m, x, y: F.instance_norm(x),
        },
        (IMAGE, SEQUENCE), FLOORS_DB, rows=trained(nn.LayerNorm((4, 12))), groups=trained(nn.GroupNorm(2, 4)),
        steps=trained(nn.GroupNorm(3, 12)), instance=trained(nn.InstanceNorm1d(4, affine=True)),
    )  # fmt: skip
