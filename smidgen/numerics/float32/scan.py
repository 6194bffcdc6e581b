"""Selective scan (Gu & Dao 2023, Algorithm 2). Twin of kernels/selective_scan_f32.h.

Glossary: b batch, t time, d channels, n states per channel.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import exp
from smidgen.numerics.float32.reduction import ordered_sum
from smidgen.numerics.recurrent import step_order


@float32_only
def selective_scan(
    u: Floats,
    delta: Floats,
    B: Floats,
    C: Floats,
    A: Floats,
    D: Floats,
    *,
    reverse: bool = False,
    carried: Floats | None = None,
) -> Floats:
    """Return y (b, t, d) for u, delta (b, t, d), B, C (b, t, n), A (d, n) and D (d,).

    h = exp(delta A) h + (delta u) B;  y = sum over n of C h, in order, + D u.
    Goes on from the state `carried` (b, d, n) and leaves the last one there; without it, from zero. With
    `reverse` the last step comes first.
    """
    batch, steps, channels = u.shape
    states_first_A = np.ascontiguousarray(A.T)[:, None, :]  # (n, 1, d)
    h = np.zeros((A.shape[1], batch, channels), np.float32) if carried is None else carried.transpose(2, 0, 1)
    y = np.empty_like(u)
    for t in step_order(steps, reverse=reverse):
        drive = delta[:, t] * u[:, t]
        h = exp(delta[:, t] * states_first_A) * h + drive * B[:, t].T[:, :, None]
        y[:, t] = ordered_sum(h * C[:, t].T[:, :, None]) + D * u[:, t]
    if carried is not None:
        carried[...] = h.transpose(1, 2, 0)
    return y
