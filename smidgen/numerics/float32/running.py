"""What all elements so far add up to: mean, sum, extremes. Twin of kernels/running_f32.h.

The n-th of each has the bits of what `reduction` gives for n elements. Arrays are (B, T, ...); the states are those of
the elements before, and are left with the elements of x taken in.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only


@float32_only
def running_mean(x: Floats, totals: Floats, *, before: int) -> Floats:
    """Return for each element of x the mean of all so far; totals (B, ...), the sum of the `before` elements before."""
    sums = running_sum(x, totals)
    counts = before + 1 + np.arange(x.shape[1], dtype=np.float32)
    return sums / counts.reshape(-1, *[1] * (x.ndim - 2))


@float32_only
def running_sum(x: Floats, totals: Floats) -> Floats:
    """Return for each element of x the sum of all so far, in order."""
    y = np.empty_like(x)
    for t in range(x.shape[1]):
        totals += x[:, t]
        y[:, t] = totals
    return y


@float32_only
def running_extremum(x: Floats, extremes: Floats, *, least: bool) -> Floats:
    """Return for each element of x the largest of all so far, or the smallest: of equals the first; a NaN stays."""
    y = np.empty_like(x)
    for t in range(x.shape[1]):
        beyond = x[:, t] < extremes if least else x[:, t] > extremes
        extremes[:] = np.where(beyond | np.isnan(x[:, t]), x[:, t], extremes)
        y[:, t] = extremes
    return y
