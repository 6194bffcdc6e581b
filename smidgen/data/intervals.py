"""Statistics of raw rows over intervals of equal width: what frames and window features are made of.

Glossary: `n` rows, `K` intervals, `C` columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def interval_of(time_s: NDArray[np.float64], width_s: float) -> NDArray[np.intp]:
    """Return which interval [k * width_s, (k + 1) * width_s) each row (n,) falls into."""
    return (time_s / width_s).astype(np.intp)


def mean_by_interval(
    values: NDArray[np.floating], interval: NDArray[np.intp], n_intervals: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean (K, C) of each interval over the values that are not NaN, and how many there are (K, C).

    The mean is 0 where there is none. Args: values (n, C); interval (n,) in 0..K-1.
    """
    total = np.zeros((n_intervals, values.shape[1]))
    count = np.zeros((n_intervals, values.shape[1]), dtype=np.int64)
    for column in range(values.shape[1]):
        known = ~np.isnan(values[:, column])
        total[:, column] = np.bincount(interval[known], weights=values[known, column], minlength=n_intervals)
        count[:, column] = np.bincount(interval[known], minlength=n_intervals)
    return total / np.maximum(count, 1), count


def motion_by_interval(
    acceleration_g: NDArray[np.float32], interval: NDArray[np.intp], n_intervals: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return mean and standard deviation (K, 3) in g, 0 where unknown, and which intervals (K,) have all three axes."""
    acceleration = acceleration_g.astype(np.float64)
    mean, count = mean_by_interval(acceleration, interval, n_intervals)
    variance, _ = mean_by_interval((acceleration - mean[interval]) ** 2, interval, n_intervals)
    has_sample: NDArray[np.bool_] = count.min(axis=1) > 0
    return mean, np.sqrt(variance), has_sample
