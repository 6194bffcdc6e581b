"""The mean of all steps so far."""

import torch
from torch import Tensor


def cumulative_mean(x: Tensor, dim: int) -> Tensor:
    """Return for each element along `dim` the mean of all up to it."""
    count = torch.arange(1, x.shape[dim] + 1, dtype=x.dtype)
    return x.cumsum(dim) / count.reshape(-1, *[1] * (x.dim() - 1 - dim % x.dim()))
