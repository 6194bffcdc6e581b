"""Operators that only move elements mean what they mean in PyTorch, and cost no more than they must."""

from collections.abc import Callable

import pytest
import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor
from torch.nn import functional as F

X = normal(16, 6, 4)
INDEX = torch.tensor([2, 0, 1])
#: Every element moves as it is: only the input is rounded.
FLOORS_DB = {"int8-pure": 35.0, "int16": 80.0, "float32": 200.0}

MOVES: dict[str, Callable[..., Tensor]] = {
    "movedim": lambda m, x: x.movedim(1, 2),
    "swapaxes": lambda m, x: x.swapaxes(1, 2),
    "mT": lambda m, x: x.mT,
    "unflatten": lambda m, x: x.unflatten(1, (2, 3)),
    "squeeze of all": lambda m, x: x[:, :1].squeeze(),
    "permute of four axes": lambda m, x: x.view(-1, 2, 3, 2, 2).permute(0, 2, 4, 3, 1),
    "unfold": lambda m, x: x.unfold(1, 3, 2),
    "repeat": lambda m, x: x.repeat(1, 2, 3),
    "repeat_interleave": lambda m, x: x.repeat_interleave(2, dim=1),
    "tile": lambda m, x: torch.tile(x, (1, 2, 1)),
    "expand": lambda m, x: x[:, None].expand(-1, 3, -1, -1) * 1.0,
    "roll": lambda m, x: torch.roll(x, 2, 1),
    "flip": lambda m, x: x.flip(1, 2),
    "step": lambda m, x: x[:, 1::2],
    "last step": lambda m, x: x[:, -1],
    "ellipsis": lambda m, x: x[..., -3:-1],
    "narrow": lambda m, x: x.narrow(1, 1, 2),
    "unbind": lambda m, x: x.unbind(1)[2],
    "tensor_split": lambda m, x: torch.tensor_split(x, [2, 3], 1)[2],
    "chunks in another order": lambda m, x: torch.cat(list(reversed(x.chunk(3, 1))), 1),
    "index": lambda m, x: x[:, m.index],
    "list": lambda m, x: x[:, :, [0, 3, 3]],
    "pairs of indices": lambda m, x: x[:, torch.arange(4), torch.arange(4)],
    "index_select": lambda m, x: x.index_select(2, m.index),
    "gather": lambda m, x: torch.gather(x, 1, m.index[None, :, None].expand(x.shape[0], -1, 4)),
    "reflected": lambda m, x: F.pad(x, (1, 2), mode="reflect"),
    "replicated": lambda m, x: F.pad(x, (2, 1), mode="replicate"),
    "circular": lambda m, x: F.pad(x, (2, 1), mode="circular"),
    "nearest": lambda m, x: F.interpolate(x, scale_factor=2),
    "nearest in two axes": lambda m, x: F.interpolate(x[:, None], size=(9, 8)),
    "channel_shuffle": lambda m, x: F.channel_shuffle(x.view(-1, 6, 2, 2), 2),
    "pixel_shuffle": lambda m, x: F.pixel_shuffle(x.view(-1, 4, 3, 2), 2),
    "rot90": lambda m, x: torch.rot90(x, 1, (1, 2)),
    "diagonal": lambda m, x: x.diagonal(0, 1, 2),
    "view of a transposed view": lambda m, x: x.transpose(1, 2).reshape(-1, 3, 8).transpose(1, 2).flatten(1),
    "samples side by side": lambda m, x: torch.cat(x.split(2, dim=-1), 0).split(x.shape[0])[1],
}
JOINS: dict[str, Callable[..., Tensor]] = {
    "stack": lambda m, x: torch.stack([x, x.flip(1)], 2),
    "stack before the batch": lambda m, x: torch.stack([x, -x])[1],
    "cat with a repeated token": lambda m, x: torch.cat([m.token.expand(x.shape[0], -1, -1), x], 1),
    "cat with zeros in front": lambda m, x: torch.cat([x.new_zeros(x.shape[0], 2, 4), x], 1),
    "cat with zeros around": lambda m, x: torch.cat([torch.zeros_like(x[:, :1]), x, torch.zeros_like(x[:, :1])], 1),
    "pad": lambda m, x: F.pad(x, (1, 2)),
    "pad of two axes": lambda m, x: F.pad(x, (1, 0, 2, 3)),
    "pad with a value": lambda m, x: F.pad(x, (1, 2), value=0.5),
    "cut and pad": lambda m, x: F.pad(x, (0, 0, 2, -2)),
    "written in place": lambda m, x: written(x),
    "one step replaced": lambda m, x: replaced(x),
}


def written(x: Tensor) -> Tensor:
    """Shift by one step as people write it."""
    y = torch.zeros_like(x)
    y[:, 1:] = x[:, :-1]
    return y


def replaced(x: Tensor) -> Tensor:
    """Write one step of a copy."""
    y = x.clone()
    y[:, 2] = x[:, 0]
    return y


def test_moves_are_those_of_pytorch() -> None:
    """Every operator gives the elements that PyTorch gives, in every precision, in Python and in C."""
    floors = {recipe: FLOORS_DB[recipe] for recipe in ("int8-pure", "float32")}  # int16 takes the kernels of both
    assert_equal_everywhere(MOVES, (X,), floors, index=INDEX)


def test_joins_are_those_of_pytorch() -> None:
    """Joined, padded and written tensors hold the same elements, rounded to the scale of the result."""
    assert_equal_everywhere(JOINS, (X,), {**FLOORS_DB, "int16": 75.0}, token=normal(1, 1, 4, seed=3))


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (lambda m, x: x.reshape(-1, 3, 8).unsqueeze(1), ["reshape", "reshape"]),
        (lambda m, x: x.transpose(1, 2).transpose(1, 2)[:, 2:5], ["transpose", "transpose", "slice"]),
        (lambda m, x: x[:, :, 1], ["slice", "reshape"]),
        (lambda m, x: x.flip(1), ["strided_slice"]),
        (lambda m, x: x[:, ::3], ["strided_slice"]),
        (lambda m, x: x[:, :1].expand(-1, 5, -1), ["slice", "strided_slice"]),
        (lambda m, x: x.roll(1, 1), ["take"]),
        (lambda m, x: x.unfold(1, 3, 3), ["reshape", "transpose"]),
    ],
    ids=["views", "transposes", "one position", "reversed", "every third", "copies", "rolled", "windows side by side"],
)
def test_the_plainest_operator_is_chosen(function: Callable[..., Tensor], kinds: list[str]) -> None:
    """Views stay views; slices, steps and transposes need no table of positions."""
    rungs = lowered(Functions({"": function}, {}), (X,), "float32")
    assert [op.kind for op in rungs.graph.ops] == kinds
