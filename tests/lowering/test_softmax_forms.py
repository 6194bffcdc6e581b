"""Softmax and log-softmax mean the same in PyTorch and lowered: along any axis, masked in every spelling."""

import torch
from small_models import assert_equal_everywhere, normal
from torch import Tensor, nn
from torch.nn import functional as F

INPUTS = (normal(32, 6, 4) * 2.0, normal(32, 6, 4, seed=1))
FLOORS = {"float32": 110.0, "int8-pure": 27.0, "int16": 60.0}

HIDDEN = torch.tensor([[True, False, False, True]] * 3 + [[False, True, False, False]] * 3)
ROW = torch.tensor([False, True, True, False])
CAUSAL = torch.full((6, 6), -torch.inf).triu(1)


def late(y: Tensor) -> Tensor:
    """Return which steps of y to hide, all elements of one together, the first never; far from where y is cut."""
    return (torch.round(y[..., :1]) > 0) & (torch.arange(6) > 0)[:, None]


def test_softmax_along_any_axis() -> None:
    """The last, the first of a sample, heads in between, negated, of one element."""
    assert_equal_everywhere(
        {
            "last": lambda m, x, y: x.softmax(-1),
            "time": lambda m, x, y: F.softmax(x, dim=1),
            "an axis between": lambda m, x, y: x.reshape(-1, 3, 2, 4).softmax(2),
            "softmin": lambda m, x, y: m.softmin(x),
            "logarithm": lambda m, x, y: m.logarithm(x),
            "logarithm over time": lambda m, x, y: torch.log_softmax(x, 1),
            "pooling by attention": lambda m, x, y: (x * y.mean(-1, keepdim=True).softmax(1)).sum(1),
            "steep": lambda m, x, y: (x * 40.0).softmax(-1),
            "of one element": lambda m, x, y: x[:, :, :1].softmax(-1) * 0.5,
        },
        INPUTS, FLOORS, softmin=nn.Softmin(-1), logarithm=nn.LogSoftmax(-1),
    )  # fmt: skip


def test_softmax_of_what_a_constant_mask_shows() -> None:
    """Filled in, chosen, added, twice; a mask for one row, for all heads; -inf is in no range."""
    assert_equal_everywhere(
        {
            "masked_fill": lambda m, x, y: x.masked_fill(HIDDEN, -torch.inf).softmax(-1),
            "over time": lambda m, x, y: x.masked_fill(HIDDEN, -1e9).softmax(1),
            "one row for all": lambda m, x, y: x.masked_fill(ROW, -torch.inf).softmax(-1),
            "one column for all": lambda m, x, y: x.masked_fill(HIDDEN[:, 1:2], torch.finfo().min).softmax(1),
            "where": lambda m, x, y: torch.where(HIDDEN, -1e9, x).softmax(-1),
            "where not": lambda m, x, y: torch.where(~HIDDEN, x, torch.tensor(-torch.inf)).softmax(-1),
            "twice": lambda m, x, y: x.masked_fill(ROW, -torch.inf).masked_fill(HIDDEN[3], -1e4).softmax(-1),
            "added": lambda m, x, y: (x @ y.mT + CAUSAL).softmax(-1),
            "added with a bias": lambda m, x, y: ((x @ y.mT) + (CAUSAL + torch.arange(6.0) / 6)).softmax(-1),
        },
        INPUTS, FLOORS,
    )  # fmt: skip


def test_softmax_of_what_an_input_shows() -> None:
    """The mask is computed by another input: of steps to pool, of keys, of the keys of every head."""
    assert_equal_everywhere(
        {
            "attention pooling": lambda m, x, y: (
                x * x.mean(-1, keepdim=True).masked_fill(late(y), -torch.inf).softmax(1)
            ).sum(1),
            "keys": lambda m, x, y: (x @ x.mT).masked_fill(late(y).mT, -1e9).softmax(-1),
            "attention": lambda m, x, y: F.scaled_dot_product_attention(x, x, x, attn_mask=~late(y).mT),
            "attention with a bias": lambda m, x, y: F.scaled_dot_product_attention(x, y, x, attn_mask=y @ x.mT),
            "many heads": lambda m, x, y: m.mha(
                x, x, x, key_padding_mask=late(y)[..., 0], attn_mask=CAUSAL < 0, need_weights=False
            )[0],
            "by heads": lambda m, x, y: (
                (x.view(-1, 6, 2, 2).permute(0, 2, 1, 3) @ x.view(-1, 6, 2, 2).permute(0, 2, 3, 1))
                .masked_fill(late(y).mT[:, None], -torch.inf)
                .softmax(-1)
            ),
        },
        (INPUTS[0], torch.round(INPUTS[1]) * 1.75), {"float32": 110.0, "int8-pure": 24.0, "int16": 44.0},
        mha=nn.MultiheadAttention(4, 2, batch_first=True),
    )  # fmt: skip


def test_minus_infinity_stands_at_the_end_of_the_range() -> None:
    """A maximum over what a mask shows, padding with -inf before a maximum: the range is that of finite numbers."""
    assert_equal_everywhere(
        {
            "maximum": lambda m, x, y: x.masked_fill(HIDDEN, -torch.inf).amax(1),
            "minimum": lambda m, x, y: torch.where(HIDDEN, torch.inf, x).amin(-1),
            "a chain": lambda m, x, y: torch.where(x > 9.0, -torch.inf, x).max(1).values,
            "padding": lambda m, x, y: F.max_pool1d(F.pad(x.mT, (2, 0), value=-torch.inf), 3, 1),
        },
        INPUTS, FLOORS,
    )  # fmt: skip
