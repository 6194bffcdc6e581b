"""Rotary position embedding (Su et al. 2021). Twin of kernels/rotary_f32.h."""

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.rotary import pair_channels


@float32_only
def rotary(x: Floats, cos: Floats, sin: Floats, *, interleaved: bool) -> Floats:
    """Return x (B, T, H, w) with its first 2 p channels turned, pairs (i, i + p), or (2 i, 2 i + 1) if interleaved.

    cos, sin (B, T, 1, p); the other channels stay.
    """
    first, second = pair_channels(cos.shape[-1], interleaved)
    y = x.copy()
    y[..., first] = x[..., first] * cos - x[..., second] * sin
    y[..., second] = x[..., second] * cos + x[..., first] * sin
    return y
