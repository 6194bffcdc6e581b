"""Sums, means, extremes and their positions along one axis. Twin of kernels/reduce_f32.h."""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.float32.arithmetic import Floats, float32_only


def ordered_sum(terms: Floats) -> Floats:
    """Return the sum over the first axis, term after term from +0: numpy's own sum takes pairs."""
    acc = np.zeros(terms.shape[1:], np.float32)
    for term in terms:
        acc += term
    return acc


def row_sum(x: Floats) -> Floats:
    """Return the sum of each row of x (..., d), in order, as (...)."""
    return ordered_sum(np.ascontiguousarray(np.moveaxis(x, -1, 0)))


def row_mean(x: Floats) -> Floats:
    """Return sums of rows times the rounded 1 / d, (..., 1): cheaper than a division, exact for a power of two."""
    return (row_sum(x) * (np.float32(1.0) / np.float32(x.shape[-1])))[..., None]


@float32_only
def mean(x: Floats, *, axis: int) -> Floats:
    """Return the mean of x along `axis`: the sum in order, then one division."""
    return ordered_sum(np.moveaxis(x, axis, 0)) / np.float32(x.shape[axis])


@float32_only
def sum_along(x: Floats, *, axis: int) -> Floats:
    """Return the sum of x along `axis`, in order."""
    return ordered_sum(np.moveaxis(x, axis, 0))


@float32_only
def extremum(x: Floats, *, axis: int, least: bool) -> Floats:
    """Return the largest element along `axis`, or the smallest: of equals (-0 and 0) the first; a NaN stays."""
    first, *others = np.moveaxis(x, axis, 0)
    found = first
    for values in others:
        beyond = values < found if least else values > found
        found = np.where(beyond | np.isnan(values), values, found)
    return np.ascontiguousarray(found)


@float32_only
def position(x: Floats, *, axis: int, least: bool) -> NDArray[np.int32]:
    """Return the position of the first maximum of x along `axis`, or of the first minimum; of the first NaN if any."""
    return np.asarray(np.argmin(x, axis=axis) if least else np.argmax(x, axis=axis), np.int32)
