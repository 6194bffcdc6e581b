"""Means and the position of the largest element along one axis. Twin of kernels/reduce_f32.h."""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.float32.arithmetic import Floats, float32_only


def ordered_sum(terms: Floats) -> Floats:
    """Return the sum over the first axis, term after term from +0: numpy's own sum takes pairs."""
    acc = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        acc += term
    return acc


@float32_only
def mean(x: Floats, *, axis: int) -> Floats:
    """Return the mean of x along `axis`: the sum in order, then one division."""
    return ordered_sum(np.moveaxis(x, axis, 0)) / np.float32(x.shape[axis])


@float32_only
def running_mean(x: Floats, totals: Floats, *, before: int) -> Floats:
    """Return for each element of x (B, T, ...) the mean of all elements so far, summed in order.

    Args: totals (B, ...), the sum of the `before` elements that came before; left with those of x added.
    """
    y = np.empty_like(x)
    for t in range(x.shape[1]):
        totals += x[:, t]
        y[:, t] = totals / np.float32(before + t + 1)
    return y


@float32_only
def argmax(x: Floats, *, axis: int) -> NDArray[np.int32]:
    """Return the position of the first maximum of x along `axis`."""
    return np.asarray(np.argmax(x, axis=axis), np.int32)
