"""Arithmetic, comparisons and selection, element by element. Twin of kernels/pointwise_f32.h and elementwise_f32.h.

Truth values are 1.0 and 0.0.
"""

from collections.abc import Callable

import numpy as np

from smidgen.numerics.float32 import functions
from smidgen.numerics.float32.arithmetic import Floats, float32_only

_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@float32_only
def relu(x: Floats) -> Floats:
    """Return max(x, 0)."""
    return np.where(x < _ZERO, _ZERO, x)


@float32_only
def neg(x: Floats) -> Floats:
    """Return -x."""
    return -x


@float32_only
def abs(x: Floats) -> Floats:
    """Return |x|."""
    return np.abs(x)


@float32_only
def logical_not(x: Floats) -> Floats:
    """Return 1 where x is 0, else 0."""
    return np.where(x == _ZERO, _ONE, _ZERO)


@float32_only
def clamp(x: Floats, *, low: float, high: float) -> Floats:
    """Return x limited to [low, high], low <= high; infinite limits are open ends."""
    lowest, highest = np.float32(low), np.float32(high)
    return np.where(x < lowest, lowest, np.where(x > highest, highest, x))


@float32_only
def add_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return x + scalar."""
    return x + np.float32(scalar)


@float32_only
def mul_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return x * scalar."""
    return x * np.float32(scalar)


@float32_only
def eq_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return 1 where x equals scalar, else 0."""
    return np.where(x == np.float32(scalar), _ONE, _ZERO)


@float32_only
def ne_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return 1 where x differs from scalar, else 0."""
    return np.where(x != np.float32(scalar), _ONE, _ZERO)


@float32_only
def lt_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return 1 where x is below scalar, else 0."""
    return np.where(x < np.float32(scalar), _ONE, _ZERO)


@float32_only
def gt_scalar(x: Floats, *, scalar: float) -> Floats:
    """Return 1 where x is above scalar, else 0."""
    return np.where(x > np.float32(scalar), _ONE, _ZERO)


@float32_only
def add(a: Floats, b: Floats) -> Floats:
    """Return a + b."""
    return a + b


@float32_only
def sub(a: Floats, b: Floats) -> Floats:
    """Return a - b."""
    return a - b


@float32_only
def mul(a: Floats, b: Floats) -> Floats:
    """Return a * b."""
    return a * b


@float32_only
def div(a: Floats, b: Floats) -> Floats:
    """Return a / b."""
    return a / b


@float32_only
def select(condition: Floats, a: Floats, b: Floats) -> Floats:
    """Return a where condition is not 0, else b."""
    return np.where(condition != _ZERO, a, b)


#: y = f(x) with the scalars of the operator as keywords; the kernel is <name>_f32(x, y, count, scalars...).
POINTWISE: dict[str, Callable[..., Floats]] = {
    function.__name__: function
    for function in (
        relu,
        functions.sigmoid,
        functions.tanh,
        functions.silu,
        functions.gelu,
        functions.gelu_tanh,
        functions.softplus,
        functions.exp,
        neg,
        abs,
        logical_not,
        clamp,
        add_scalar,
        mul_scalar,
        eq_scalar,
        ne_scalar,
        lt_scalar,
        gt_scalar,
    )
}

#: y = f(a, b), shapes equal; the kernel is <name>_f32(a, b, y, count).
BINARY: dict[str, Callable[[Floats, Floats], Floats]] = {
    function.__name__: function for function in (add, sub, mul, div)
}
