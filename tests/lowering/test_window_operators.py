"""Convolutions and poolings mean the same in PyTorch and lowered, in every form in which people write them."""

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import nn
from torch.nn import functional as F

from smidgen.ir import Graph
from smidgen.passes import fold

IMAGE, SEQUENCE = normal(16, 4, 8, 9), normal(16, 4, 12, seed=1)
#: int8 weights limit what int16 activations can reach.
WEIGHTED_DB = {"float32": 120.0, "int8-pure": 34.0, "int16": 45.0}
FLOORS_DB = {"float32": 120.0, "int8-pure": 33.0, "int16": 75.0}

torch.manual_seed(0)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolutions() -> None:
    """Over one axis and two, grouped, strided, dilated, padded by numbers and by words, depthwise, transposed."""
    assert_equal_everywhere(
        {
            "2d": lambda m, x, y: m.plain(x),
            "2d same, grouped": lambda m, x, y: m.same(x),
            "2d strided, depthwise": lambda m, x, y: m.strided(x),
            "2d transposed": lambda m, x, y: m.up(x),
            "same, dilated, of an even number of taps": lambda m, x, y: m.same1(y),
            "valid": lambda m, x, y: m.valid1(y),
            "transposed": lambda m, x, y: m.up1(y),
            "transposed, overlapping": lambda m, x, y: m.wide1(y),
            "by torch.convolution": lambda m, x, y: torch.convolution(
                y, m.valid1.weight, None, [2], [1], [1], False, [0], 1
            ),
            "transposed by torch.convolution": lambda m, x, y: torch.convolution(
                y, m.up1.weight, m.up1.bias, [2], [0], [1], True, [1], 1
            ),
        },
        (IMAGE, SEQUENCE), WEIGHTED_DB,
        plain=nn.Conv2d(4, 5, 3, padding=1), same=nn.Conv2d(4, 6, (2, 3), padding="same", groups=2),
        strided=nn.Conv2d(4, 4, 3, stride=2, dilation=(1, 2), groups=4),
        up=nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
        same1=nn.Conv1d(4, 5, 4, padding="same", dilation=3), valid1=nn.Conv1d(4, 3, 3, padding="valid"),
        up1=nn.ConvTranspose1d(4, 5, 2, stride=2), wide1=nn.ConvTranspose1d(4, 5, 5, stride=3, padding=1, dilation=2),
    )  # fmt: skip


def test_sequences_of_channels_alone() -> None:
    """Channels made a batch of their own are convolved and pooled one by one, as rows of one image."""
    assert_equal_everywhere(
        {
            "convolution": lambda m, y: m.conv(y.reshape(-1, 1, 12)).reshape(-1, 4, 2, 12),
            "pooling": lambda m, y: F.avg_pool1d(m.conv(y.reshape(-1, 1, 12)), 3).reshape(-1, 4, 2, 4),
            "frames": lambda m, y: m.image(y.reshape(-1, 1, 2, 3)).reshape(-1, 8, 3, 2, 3),
        },
        (SEQUENCE,), WEIGHTED_DB, conv=nn.Conv1d(1, 2, 3, padding=1), image=nn.Conv2d(1, 3, 3, padding=1),
    )  # fmt: skip


def test_poolings() -> None:
    """Largest and mean, overlapping, padded, dilated, with ceil_mode, to a size, to a size that does not divide."""
    assert_equal_everywhere(
        {
            "2d largest, padded": lambda m, x, y: F.max_pool2d(x, 3, 2, 1),
            "largest": lambda m, x, y: F.max_pool1d(y, 2),
            "largest, dilated": lambda m, x, y: F.max_pool1d(y, 2, dilation=2),
            "largest, ceil_mode": lambda m, x, y: F.max_pool1d(y, 5, 3, ceil_mode=True),
            "largest, with indices": lambda m, x, y: F.max_pool1d(y, 3, 1, 1, return_indices=True)[0],
            "mean, padding counts": lambda m, x, y: F.avg_pool1d(y, 3, 2, 1),
            "mean, padding does not": lambda m, x, y: F.avg_pool1d(y, 3, 2, 1, count_include_pad=False),
            "mean, ceil_mode": lambda m, x, y: F.avg_pool1d(y, 5, 3, ceil_mode=True),
            "2d mean": lambda m, x, y: F.avg_pool2d(x, (2, 3)),
            "mean to a size": lambda m, x, y: F.adaptive_avg_pool1d(y, 3),
            "mean of all": lambda m, x, y: F.adaptive_avg_pool1d(y, 1),
            "mean to an uneven size": lambda m, x, y: F.adaptive_avg_pool1d(y, 5),
            "2d mean of all": lambda m, x, y: F.adaptive_avg_pool2d(x, 1),
            "2d mean to an uneven size": lambda m, x, y: F.adaptive_avg_pool2d(x, (3, 4)),
            "2d mean, one axis uneven": lambda m, x, y: F.adaptive_avg_pool2d(x, (4, 4)),
            "largest to a size": lambda m, x, y: F.adaptive_max_pool1d(y, 4),
            "2d largest to a size": lambda m, x, y: F.adaptive_max_pool2d(x, (4, 3)),
        },
        (IMAGE, SEQUENCE), FLOORS_DB,
    )  # fmt: skip


def kinds(graph: Graph) -> list[str]:
    """Return the kinds of operators in order."""
    return [op.kind for op in graph.ops]


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_a_stack_of_convolutions_transposes_at_its_ends_alone(recipe: str) -> None:
    """Functions, sums and poolings between convolutions keep the channels last."""

    def net(m: Functions, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(m.first(x))
        return F.max_pool1d(F.relu(x + m.second(x)), 2)

    layers = {"first": nn.Conv1d(4, 4, 3, padding=1), "second": nn.Conv1d(4, 4, 3, padding=1)}
    folded = fold(lowered(Functions({"net": net}, layers), (SEQUENCE,), recipe).graph)
    function = "pointwise" if recipe == "float32" else "table"
    assert kinds(folded) == [
        "transpose", "conv2d", function, "conv2d", "add", function, "max_pool", "transpose"
    ]  # fmt: skip
