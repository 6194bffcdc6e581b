"""Softmax over what a mask shows."""

import torch
from torch import Tensor


def masked_softmax(x: Tensor, seen: Tensor, dim: int) -> Tensor:
    """Return the softmax of x along `dim` over the elements that `seen`, truth values broadcast to x, marks.

    The others are 0; where a line shows none, all of it is 0.
    """
    return torch.where(seen, x, -torch.inf).softmax(dim).nan_to_num(0.0)
