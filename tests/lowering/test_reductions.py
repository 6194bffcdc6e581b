"""Reductions mean the same in PyTorch and lowered: over one axis, several or all, kept or not."""

import numpy as np
import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor, nn

from smidgen.errors import UnsupportedError
from smidgen.passes import fold

IMAGE, SEQUENCE = normal(32, 4, 8, 9), normal(32, 4, 12, seed=1)
FLOORS_DB = {"float32": 120.0, "int8-pure": 37.0, "int16": 60.0}


def test_sums_and_means() -> None:
    """Over neighbouring axes and others, over all of a sample."""
    assert_equal_everywhere(
        {
            "mean": lambda m, x, y: y.mean(-1),
            "mean of two": lambda m, x, y: x.mean((2, 3)),
            "mean of two apart, kept": lambda m, x, y: x.mean((1, -1), keepdim=True),
            "mean of all": lambda m, x, y: x.mean((1, 2, 3)),
            "sum": lambda m, x, y: y.sum(1),
            "sum of two apart": lambda m, x, y: x.sum((1, 3)),
            "sum of two, kept": lambda m, x, y: x.sum((2, 3), keepdim=True),
        },
        (IMAGE, SEQUENCE), FLOORS_DB,
    )  # fmt: skip


def test_extremes() -> None:
    """Exact on what the integers say: they keep the scale of their source."""
    assert_equal_everywhere(
        {
            "amax of two apart": lambda m, x, y: x.amax((1, 3), keepdim=True),
            "amin": lambda m, x, y: y.amin(1),
            "max with indices that nobody reads": lambda m, x, y: y.max(2)[0],
            "min, kept": lambda m, x, y: y.min(1, keepdim=True).values,
        },
        (IMAGE, SEQUENCE), {"float32": 140.0, "int8-pure": 40.0, "int16": 80.0},
    )  # fmt: skip


def test_second_moments() -> None:
    """Variances and deviations, biased and not, lengths of order 1, 2 and infinity."""
    assert_equal_everywhere(
        {
            "variance": lambda m, x, y: y.var(-1),
            "biased variance": lambda m, x, y: y.var(1, unbiased=False),
            "deviation of two, kept": lambda m, x, y: x.std((1, 2), correction=0, keepdim=True),
            "variance beside its mean": lambda m, x, y: torch.var_mean(y, 1)[0],
            "mean beside its deviation": lambda m, x, y: torch.std_mean(y, 1)[1],
            "length": lambda m, x, y: y.norm(dim=1),
            "length by linalg": lambda m, x, y: torch.linalg.norm(y, dim=-1, keepdim=True),
            "sum of magnitudes": lambda m, x, y: y.norm(p=1, dim=1),
            "largest magnitude": lambda m, x, y: torch.linalg.vector_norm(y, float("inf"), dim=2),
        },
        (IMAGE, SEQUENCE), FLOORS_DB,
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
def test_the_variance_of_one_element_is_refused() -> None:
    """With Bessel's correction it is a division by zero; in float32 nothing else would notice."""
    with pytest.raises(UnsupportedError, match=":var: the variance of 1 elements with correction 1 is infinite"):
        lowered(Functions({"var": lambda m, x: x[:, :1].var(1)}, {}), (SEQUENCE,), "float32")


class Places(nn.Module):
    """Indices of extremes, alone and beside the values."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.argmax(1), x.argmin(-1, keepdim=True), x.max(2)[1], x.min(1).indices


@pytest.mark.parametrize("recipe", ["float32", "int8-pure", "int16"])
def test_positions_are_exact(recipe: str) -> None:
    """The first maximum or minimum of what the integers say."""
    rungs = lowered(Places(), (SEQUENCE,), recipe)
    qparams = rungs.graph[rungs.graph.inputs[0]].qparams
    seen = SEQUENCE.numpy() if qparams is None else qparams.quantize(SEQUENCE.numpy())
    found = rungs.integers((SEQUENCE,))
    exact = [seen.argmax(1), seen.argmin(2)[:, :, None], seen.argmax(2), seen.argmin(1)]
    for expected, actual in zip(exact, found, strict=True):
        np.testing.assert_array_equal(expected, actual)
    assert rungs.host_mismatches((SEQUENCE,)) == 0


def test_a_mean_over_time_stands_last_and_needs_no_transposition() -> None:
    """Of images whose rows are time, so that a stream carries one sum; channels stay last up to the end."""
    layers = {"conv": nn.Conv2d(4, 3, (3, 1))}
    pooled = Functions({"pooled": lambda m, x: m.conv(x).mean((2, 3))}, layers)
    folded = fold(lowered(pooled, (IMAGE,), "int8").graph)
    assert [op.kind for op in folded.ops] == ["transpose", "conv2d", "mean", "mean"]
    assert [op.attrs["axis"] for op in folded.ops[2:]] == [1, 0]
