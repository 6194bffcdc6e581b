"""Counts, lengths and other whole numbers that a model computes mean the same in PyTorch and lowered."""

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import nn

X = normal(32, 6, 4)
LENGTH = torch.arange(32) % 6 + 1
PADDING = torch.arange(6) >= LENGTH[:, None]
IDS = torch.where(PADDING, 0, torch.randint(1, 11, (32, 6), generator=torch.Generator().manual_seed(0)))


def test_counts() -> None:
    """Means over what is there, its number, lengths, the steps so far."""
    assert_equal_everywhere(
        {
            "mean over steps": lambda m, x, p: (x * (~p)[..., None]).sum(1) / (~p).sum(1, keepdim=True),
            "or none": lambda m, x, p: (x * ~p[..., None]).sum(1) / (~p).sum(1, keepdim=True).clamp(min=1),
            "number": lambda m, x, p: (~p).sum(1),
            "share": lambda m, x, p: (~p).sum(1).float() / 6.0,
            "steps so far": lambda m, x, p: x / (~p).cumsum(1)[..., None],
            "longest": lambda m, x, p: p.long().sum(1) * 2 + 1,
        },
        (X, PADDING), {"float32": 120.0, "int8-pure": 28.0, "int16": 55.0},
    )  # fmt: skip


def test_functions_of_ids() -> None:
    """Shifted, clamped, weighed by their number: every id by itself, none between two knots of a table."""
    assert_equal_everywhere(
        {
            "shifted": lambda m, ids: m.tokens(ids + 1),
            "clamped": lambda m, ids: m.tokens(ids.clamp(min=2, max=5)),
            "remainders": lambda m, ids: m.tokens(ids % 3),
            "logarithms": lambda m, ids: (ids + 1).float().log(),
            "mean": lambda m, ids: (m.tokens(ids) * (ids > 0)[..., None]).sum(1) / (ids > 0).sum(1, keepdim=True),
        },
        (IDS,), {"float32": 120.0, "int8-pure": 28.0, "int16": 55.0}, tokens=nn.Embedding(12, 4),
    )  # fmt: skip


@pytest.mark.parametrize("fill", [-1e9, -1e4, float("-inf"), torch.finfo(torch.float32).min])
def test_a_number_that_hides_is_in_no_range(fill: float) -> None:
    """A maximum over the steps that are there, whatever stands for the others; also where nothing is."""
    everything = {"y": lambda m, x, p: x.masked_fill(p[..., None], fill).amax(1)}
    rungs = lowered(Functions(everything, {}), (X, PADDING), "int16")
    assert rungs.plan.qparams["masked_fill"].scale < 1e-3
    assert rungs.plan.qparams["amax"] == rungs.plan.qparams["masked_fill"]
    lowered(Functions(everything, {}), (X, torch.ones_like(PADDING)), "int16")
