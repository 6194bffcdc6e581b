"""RMSNorm (Zhang & Sennrich 2019, eq. 4) and LayerNorm (Ba et al. 2016, eq. 4). Twin of kernels/norm_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.reduction import ordered_sum

_ONE = np.float32(1.0)


@float32_only
def rms_norm(x: Floats, gain: Floats, *, eps: float) -> Floats:
    """Return x / sqrt(mean(x^2) + eps) * gain for rows of x (..., d); gain (d,)."""
    return (x * _reciprocal_root_mean_square(x, eps)) * gain


@float32_only
def layer_norm(x: Floats, gain: Floats, bias: Floats, *, eps: float) -> Floats:
    """Return (x - mean) / sqrt(var + eps) * gain + bias for rows of x (..., d), var over d; gain, bias (d,)."""
    deviation = x - _row_mean(x)
    return ((deviation * _reciprocal_root_mean_square(deviation, eps)) * gain) + bias


def _reciprocal_root_mean_square(x: Floats, eps: float) -> Floats:
    """Return 1 / sqrt(mean(x^2) + eps) for rows of x (..., d) as (..., 1)."""
    power: Floats = _row_mean(x * x) + np.float32(eps)
    return np.asarray(_ONE / np.sqrt(power))


def _row_mean(x: Floats) -> Floats:
    """Return sums in order times the rounded 1 / d: cheaper than a division a row, and exact for a power of two."""
    total = ordered_sum(np.ascontiguousarray(np.moveaxis(x, -1, 0)))
    return (total * (_ONE / np.float32(x.shape[-1])))[..., None]
