"""Causal attention without a softmax (Katharopoulos et al. 2020), with decay (Sun et al. 2023), in parallel form."""

import torch
from torch import Tensor


def linear_attention(q: Tensor, k: Tensor, v: Tensor, decay: Tensor | None, scale: float) -> Tensor:
    """Return y[i] = scale * sum over j <= i of decay^(i - j) (q[i] k[j]) v[j].

    Args: q, k (.., T, w); v (.., T, u); decay (H,) in (0, 1] for heads on the axis before T, or (1,); None for 1.
    """
    steps = torch.arange(q.shape[-2])
    distance = steps[:, None] - steps
    weights = torch.ones(1, 1, 1) if decay is None else decay[:, None, None]
    weights = torch.where(distance >= 0, weights ** distance.clamp(min=0), 0.0)  # (H or 1, T, T)
    return (q @ k.transpose(-1, -2) * weights) @ v * scale
