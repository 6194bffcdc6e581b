"""RMSNorm (Zhang & Sennrich 2019, eq. 4), LayerNorm (Ba et al. 2016, eq. 4) and GroupNorm (Wu & He 2018, eq. 1).

Twin of kernels/norm_f32.h.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.reduction import row_mean

_ONE = np.float32(1.0)


@float32_only
def rms_norm(x: Floats, gain: Floats, *, eps: float) -> Floats:
    """Return x / sqrt(mean(x^2) + eps) * gain for rows of x (..., d); gain (d,)."""
    return (x * _reciprocal_root_mean_square(x, eps)) * gain


@float32_only
def layer_norm(x: Floats, gain: Floats, bias: Floats, *, eps: float) -> Floats:
    """Return (x - mean) / sqrt(var + eps) * gain + bias for rows of x (..., d), var over d; gain, bias (d,)."""
    deviation = x - row_mean(x)
    return ((deviation * _reciprocal_root_mean_square(deviation, eps)) * gain) + bias


@float32_only
def group_norm(x: Floats, gain: Floats, bias: Floats, *, groups: int, eps: float) -> Floats:
    """Return x (B, ..., c) normalised over each group of channels at all places together; gain, bias (c,).

    Sums run over places, then channels.
    """
    batch, width = len(x), x.shape[-1] // groups
    rows = np.moveaxis(x.reshape(batch, -1, groups, width), 2, 1)  # (B, groups, places, width)
    deviation = rows.reshape(batch, groups, -1)
    deviation = deviation - row_mean(deviation)
    normalised = (deviation * _reciprocal_root_mean_square(deviation, eps)).reshape(rows.shape)
    scaled = normalised * gain.reshape(groups, 1, width) + bias.reshape(groups, 1, width)
    return np.ascontiguousarray(np.moveaxis(scaled, 1, 2)).reshape(x.shape)


def _reciprocal_root_mean_square(x: Floats, eps: float) -> Floats:
    """Return 1 / sqrt(mean(x^2) + eps) for rows of x (..., d) as (..., 1)."""
    power: Floats = row_mean(x * x) + np.float32(eps)
    return np.asarray(_ONE / np.sqrt(power))
