"""Arithmetic, comparisons and selection, element by element. Twin of kernels/pointwise_f32.h and elementwise_f32.h.

Truth values are 1.0 and 0.0.
"""

from collections.abc import Callable

import numpy as np

from smidgen.numerics.float32 import functions
from smidgen.numerics.float32.arithmetic import Floats, float32_only

_ONE, _ZERO, _THREE, _SIXTH = np.float32(1.0), np.float32(0.0), np.float32(3.0), np.float32(0.166666667)


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
def sign(x: Floats) -> Floats:
    """Return 1, 0 or -1."""
    return np.where(x > _ZERO, _ONE, np.where(x < _ZERO, -_ONE, x))


@float32_only
def square(x: Floats) -> Floats:
    """Return x * x."""
    return x * x


@float32_only
def sqrt(x: Floats) -> Floats:
    """Return the square root, NaN below 0."""
    return np.asarray(np.sqrt(x), np.float32)


@float32_only
def rsqrt(x: Floats) -> Floats:
    """Return 1 / sqrt(x)."""
    return _ONE / np.asarray(np.sqrt(x), np.float32)


@float32_only
def reciprocal(x: Floats) -> Floats:
    """Return 1 / x."""
    return _ONE / x


@float32_only
def softsign(x: Floats) -> Floats:
    """Return x / (1 + |x|)."""
    magnitude: Floats = np.abs(x)
    return x / (magnitude + _ONE)


@float32_only
def hardsigmoid(x: Floats) -> Floats:
    """Return min(max(x + 3, 0), 6) / 6."""
    return clamp(x + _THREE, low=0.0, high=6.0) * _SIXTH


@float32_only
def hardswish(x: Floats) -> Floats:
    """Return x hardsigmoid(x) (Howard et al. 2019)."""
    return x * hardsigmoid(x)


@float32_only
def leaky_relu(x: Floats, *, slope: float) -> Floats:
    """Return x, times `slope` below 0."""
    return np.where(x < _ZERO, x * np.float32(slope), x)


@float32_only
def elu(x: Floats, *, alpha: float) -> Floats:
    """Return x, below 0 alpha (e**x - 1) (Clevert et al. 2015)."""
    return np.where(x < _ZERO, functions.expm1(x) * np.float32(alpha), x)


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
def maximum(a: Floats, b: Floats) -> Floats:
    """Return the larger of a and b."""
    return np.where(a > b, a, b)


@float32_only
def minimum(a: Floats, b: Floats) -> Floats:
    """Return the smaller of a and b."""
    return np.where(a < b, a, b)


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
        functions.expm1,
        functions.log,
        functions.log1p,
        functions.sin,
        functions.cos,
        functions.erf,
        functions.mish,
        functions.floor,
        functions.round,
        functions.trunc,
        neg,
        abs,
        sign,
        square,
        sqrt,
        rsqrt,
        reciprocal,
        softsign,
        hardsigmoid,
        hardswish,
        leaky_relu,
        elu,
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

#: Names of the scalars that a function takes, in the kernel's order.
SCALARS: dict[str, tuple[str, ...]] = {
    "clamp": ("low", "high"),
    "leaky_relu": ("slope",),
    "elu": ("alpha",),
    **{name: ("scalar",) for name in POINTWISE if name.endswith("_scalar")},
}

#: y = f(a, b), shapes broadcast; the kernel is <name>_f32.
BINARY: dict[str, Callable[[Floats, Floats], Floats]] = {
    function.__name__: function for function in (add, sub, mul, div, maximum, minimum)
}
