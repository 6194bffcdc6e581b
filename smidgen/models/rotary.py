"""Rotary position embedding (Su et al. 2021, "RoFormer"), as one function that stands for its many spellings."""

import torch
from torch import Tensor


def rotary(x: Tensor, cos: Tensor, sin: Tensor, time_axis: int, interleaved: bool) -> Tensor:
    """Turn pairs of channels by an angle for each step.

    Args: x (.., w) with T steps along `time_axis`; cos, sin (T, p). Of its channels the first 2 p are turned, in pairs
        (i, i + p), or (2 i, 2 i + 1) if `interleaved`; the others stay.
    """
    by_time = x.movedim(time_axis, -2)
    pairs = cos.shape[-1]
    turned, rest = by_time[..., : 2 * pairs], by_time[..., 2 * pairs :]
    a, b = (turned[..., 0::2], turned[..., 1::2]) if interleaved else (turned[..., :pairs], turned[..., pairs:])
    both = (a * cos - b * sin, b * cos + a * sin)
    turned = torch.stack(both, dim=-1).flatten(-2) if interleaved else torch.cat(both, dim=-1)
    return torch.cat([turned, rest], dim=-1).movedim(-2, time_axis)
