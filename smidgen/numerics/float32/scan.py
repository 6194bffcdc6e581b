"""Selective scan (Gu & Dao 2023, Algorithm 2; Dao & Gu 2024 with heads). Twin of kernels/selective_scan_f32.h.

Glossary: b batch, t time, d channels, n states per channel. delta and A are told for heads of d / heads channels each,
B and C for groups of d / groups.
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
    groups: int = 1,
    reverse: bool = False,
    carried: Floats | None = None,
) -> Floats:
    """Return y (b, t, d) for u (b, t, d), delta (b, t, heads), B, C (b, t, groups * n) and D (d,).

    A is (heads, n), or (heads, 1) where the states of a channel decay alike.
    h = exp(delta A) h + (delta u) B;  y = sum over n of C h, in order, + D u.
    Goes on from the state `carried` (b, d, n) and leaves the last one there; without it, from zero. With `reverse` the
    last step comes first.
    """
    batch, steps, d = u.shape
    n, heads = B.shape[2] // groups, len(A)
    # States first, (n, b, t, d): sums run over them in order.
    B, C = (np.repeat(x.reshape(batch, steps, groups, n), d // groups, axis=2).transpose(3, 0, 1, 2) for x in (B, C))
    states_first_A = np.ascontiguousarray(A.T)[:, None, :]  # (n or 1, 1, heads)
    h = np.zeros((n, batch, d), np.float32) if carried is None else carried.transpose(2, 0, 1)
    y = np.empty_like(u)
    for t in step_order(steps, reverse=reverse):
        decay = np.repeat(exp(delta[:, t] * states_first_A), d // heads, axis=2)
        drive = np.repeat(delta[:, t], d // heads, axis=1) * u[:, t]
        h = decay * h + drive * B[:, :, t]
        y[:, t] = ordered_sum(h * C[:, :, t]) + D * u[:, t]
    if carried is not None:
        carried[...] = h.transpose(1, 2, 0)
    return y
