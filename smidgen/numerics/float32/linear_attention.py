"""Causal attention without a softmax, as a recurrence. Twin of kernels/linear_attention_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.reduction import ordered_sum


@float32_only
def linear_attention(
    q: Floats, k: Floats, v: Floats, *, scale: float, decay: Floats | None = None, carried: Floats | None = None
) -> Floats:
    """Return y = scale (S q) with S = decay S + v k^T, (b, T, H, u), for q, k (b, T, H, w), v (b, T, H, u), decay (H,).

    Goes on from the state `carried` (b, H, u, w) and leaves the last one there; without it, from zero.
    """
    (batch, steps, heads, width), values = q.shape, v.shape[-1]
    state = np.zeros((batch, heads, values, width), np.float32) if carried is None else carried
    y = np.empty(v.shape, np.float32)
    for t in range(steps):
        kept = state if decay is None else state * decay[:, None, None]
        state = kept + v[:, t, :, :, None] * k[:, t, :, None, :]
        y[:, t] = ordered_sum(np.moveaxis(state * q[:, t, :, None, :], -1, 0)) * np.float32(scale)
    if carried is not None:
        carried[...] = state
    return y
