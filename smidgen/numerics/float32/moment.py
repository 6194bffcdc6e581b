"""Second moments of rows, about their mean or about 0, and the roots of them. Twin of kernels/moment_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.reduction import row_mean, row_sum


@float32_only
def second_moment(x: Floats, *, centred: bool, root: bool, divisor: float) -> Floats:
    """Return the sum of squared deviations of the rows of x (..., d) over `divisor`, or its root, as (...)."""
    deviation = x - row_mean(x) if centred else x
    moment = np.divide(row_sum(deviation * deviation), np.float32(divisor), dtype=np.float32)
    return np.sqrt(moment) if root else moment
