"""The best of sums with constant scores, in float32. Twin of kernels/max_plus_f32.h."""

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.reduction import extremum


@float32_only
def max_plus(x: Floats, scores: Floats) -> Floats:
    """Return (..., o), the largest of x (..., i) + scores (o, i) over i: of equals the first; a NaN stays."""
    return extremum(x[..., None, :] + scores, axis=-1, least=False)
