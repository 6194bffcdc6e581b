"""What all elements so far add up to, in integers: mean, sum, extremes. Twin of kernels/running.h.

The n-th of each is what `reduction` gives for n elements. Arrays are (B, T, ...); the states are those of the elements
before, and are left with the elements of x taken in.
"""

import numpy as np

from smidgen.numerics.fixed_point import Integers, requantize, saturate
from smidgen.numerics.reduction import mean_of


def running_mean(
    x: Integers,
    totals: Integers,
    count: Integers,
    *,
    zero_points: tuple[int, int],
    multiplier: int,
    shift: int,
    dtype: str,
) -> Integers:
    """Return for each element of x the mean of all so far.

    Args: totals (B, ...) and count (B, 1), the sum without zero points and the number of elements before.
    """
    y = np.empty_like(x)
    for t in range(x.shape[1]):
        totals += x[:, t] - zero_points[0]
        count += 1
        y[:, t] = mean_of(totals, int(count[0, 0]), multiplier, shift, zero_points[1], dtype)
    return y


def running_sum(
    x: Integers, totals: Integers, *, zero_points: tuple[int, int], multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return for each element of x the sum of all so far; totals (B, ...) as for `running_mean`."""
    sums = totals[:, None] + np.cumsum(x - zero_points[0], axis=1)
    totals[:] = sums[:, -1]
    return saturate(requantize(sums, multiplier, shift) + zero_points[1], dtype)


def running_extremum(x: Integers, extremes: Integers, *, least: bool) -> Integers:
    """Return for each element of x the largest of all so far, or the smallest; extremes (B, ...) are those before."""
    extreme = np.minimum if least else np.maximum
    y: Integers = extreme(extreme.accumulate(x, axis=1), extremes[:, None])
    extremes[:] = y[:, -1]
    return y
