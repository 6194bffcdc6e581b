"""Softmax and log-softmax of rows. Twin of kernels/softmax_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import exp, log

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@float32_only
def softmax(x: Floats, *, seen: Floats | None = None) -> Floats:
    """Return the softmax of each row (..., n); seen (..., n) is 0 where an element does not count.

    Sums run in order; one division a row. A row of which nothing is seen is 0.
    """
    shown = np.ones(x.shape, bool) if seen is None else np.broadcast_to(seen != 0, x.shape)
    largest = np.where(shown, x, -np.inf).max(axis=-1, keepdims=True)
    weights = np.where(shown, exp(x - largest), _ZERO)
    inverse = np.where(shown.any(axis=-1, keepdims=True), _ONE / _totals(weights), _ZERO)
    return np.asarray(weights * inverse)


@float32_only
def log_softmax(x: Floats) -> Floats:
    """Return the logarithm of the softmax of each row (..., n)."""
    below = x - x.max(axis=-1, keepdims=True)
    return np.asarray(below - log(_totals(exp(below))))


def _totals(weights: Floats) -> Floats:
    """Return the sums of rows, kept as an axis of size one, in order from +0."""
    total = np.zeros(weights.shape[:-1], np.float32)
    for i in range(weights.shape[-1]):
        total = total + weights[..., i]
    return total[..., None]
