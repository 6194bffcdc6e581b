"""Accuracy of the functions against float64, over the range in which they are neither 0 nor saturated."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from smidgen.numerics import float32

Doubles = NDArray[np.float64]
Function = Callable[[Doubles], Doubles]

LIMIT = 2e-7  # of the relative or of the absolute error, whichever is smaller


def sigmoid(x: Doubles) -> Doubles:
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1.0) / (1.0 + small)


def normal_distribution(x: Doubles) -> Doubles:
    return 0.5 * np.frompyfunc(math.erfc, 1, 1)(-x / math.sqrt(2.0)).astype(np.float64)


REFERENCES: dict[str, Function] = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: np.logaddexp(0.0, x),
    "gelu": lambda x: x * normal_distribution(x),
    "gelu_tanh": lambda x: x * sigmoid(2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)),
    "expm1": np.expm1,
    "erf": lambda x: np.frompyfunc(math.erf, 1, 1)(x).astype(np.float64),
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "hardsigmoid": lambda x: np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "hardswish": lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "square": np.square,
    "floor": np.floor,
    "round": np.rint,
    "trunc": np.trunc,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
}
#: Functions of numbers above a limit, which the first column gives.
LIMITED: dict[str, tuple[float, Function]] = {
    "log": (2.0**-149, np.log),
    "log1p": (-1.0 + 2.0**-24, np.log1p),
    "sqrt": (0.0, np.sqrt),
    "rsqrt": (2.0**-126, lambda x: 1.0 / np.sqrt(x)),
    "reciprocal": (2.0**-126, lambda x: 1.0 / x),
}


def sweep(low: float, high: float) -> NDArray[np.float32]:
    """Half a million points evenly spaced, and as many again at every magnitude within the range."""
    even = np.linspace(low, high, 500_000)
    magnitudes = np.exp2(np.linspace(-126.0, math.log2(max(-low, high)), 250_000))
    points = np.concatenate([even, magnitudes, -magnitudes]).astype(np.float32)
    return points[(points >= np.float32(low)) & (points <= np.float32(high))]


def errors(actual: NDArray[np.float32], expected: Doubles) -> tuple[Doubles, Doubles]:
    """Return absolute and relative errors."""
    absolute = np.abs(actual.astype(np.float64) - expected)
    return absolute, absolute / np.maximum(np.abs(expected), np.finfo(np.float64).tiny)


@pytest.mark.parametrize("name", REFERENCES)
def test_error_is_within_the_limit(name: str) -> None:
    """Every function is within 2e-7, relative or absolute, from where it vanishes to where it overflows or is x."""
    x = sweep(-110.0, 88.7)
    absolute, relative = errors(float32.POINTWISE[name](x), REFERENCES[name](x.astype(np.float64)))
    worst = int(np.argmax(np.minimum(absolute, relative)))
    assert min(absolute[worst], relative[worst]) < LIMIT, f"at {x[worst]}"


@pytest.mark.parametrize(
    ("name", "low", "high", "limit"),
    [
        ("exp", -87.3, 88.7, 8.5e-8),
        ("tanh", -20.0, 20.0, 1.5e-7),
        ("sigmoid", -87.3, 88.7, 2.2e-7),
        ("silu", -87.3, 88.7, 2.7e-7),
        ("softplus", -87.3, 88.7, 2.7e-7),
        ("gelu", -1.0, 88.7, 4.3e-7),
        ("gelu_tanh", -1.0, 88.7, 3e-7),
    ],
)
def test_relative_error(name: str, low: float, high: float, limit: float) -> None:
    """Small results keep their precision: tanh near 0, sigmoid, SiLU and softplus in the left tail."""
    x = sweep(low, high)
    _, relative = errors(float32.POINTWISE[name](x), REFERENCES[name](x.astype(np.float64)))
    assert relative.max() < limit, f"at {x[np.argmax(relative)]}"


def test_exp_covers_the_whole_range_of_float32() -> None:
    """Subnormal results are correct to one unit; below them comes 0, above the range infinity, and exp(0) is 1."""
    x = np.linspace(-103.9, -87.4, 200_000, dtype=np.float32)
    unit = np.finfo(np.float32).smallest_subnormal
    assert np.max(np.abs(float32.exp(x).astype(np.float64) - np.exp(x.astype(np.float64)))) <= unit
    ends = np.array([-np.inf, -1e38, -104.0, -0.0, 0.0, 88.8, 1e38, np.inf], np.float32)
    np.testing.assert_array_equal([0, 0, 0, 1, 1, np.inf, np.inf, np.inf], float32.exp(ends))


def test_exp_never_decreases() -> None:
    """A larger argument has no smaller exponential, across the seams of the range reduction too."""
    x = np.sort(sweep(-104.0, 89.0))
    assert np.all(np.diff(float32.exp(x)[float32.exp(x) < np.inf]) >= 0)


def test_log1p() -> None:
    """log1p is within 2.5e-7 relative on [0, 1], at every magnitude."""
    x = sweep(0.0, 1.0)
    _, relative = errors(float32.log1p(x), np.log1p(x.astype(np.float64)))
    assert relative[x > 0].max() < 2.5e-7
    assert float32.log1p(np.zeros(1, np.float32)) == 0


def test_normal_tail() -> None:
    """The tail's absolute error is within 2e-7; it falls from a half to 0."""
    x = sweep(0.0, 15.0)
    absolute, _ = errors(float32.normal_tail(x), normal_distribution(-x.astype(np.float64)))
    assert absolute.max() < LIMIT
    np.testing.assert_array_equal([0.5, 0], float32.normal_tail(np.array([0, 1e38], np.float32)).round(6))


@pytest.mark.parametrize("name", LIMITED)
def test_error_is_within_the_limit_where_a_function_is_defined(name: str) -> None:
    """Logarithms, roots and reciprocals are within 2e-7 at every magnitude from their lower end to 3e38."""
    low, reference = LIMITED[name]
    x = np.concatenate([np.linspace(low, 4.0, 500_000), np.exp2(np.linspace(-149.0, 127.99, 250_000))])
    x = x.astype(np.float32)[x.astype(np.float32) >= np.float32(low)]
    absolute, relative = errors(float32.POINTWISE[name](x), reference(x.astype(np.float64)))
    best = np.where(np.isfinite(relative), np.minimum(absolute, relative), 0.0)
    assert best.max() < LIMIT, f"at {x[np.argmax(best)]}"


def test_sines_of_many_turns() -> None:
    """Sine and cosine are within 2e-7 up to 8192, and odd and even in every bit."""
    x = sweep(0.0, 8192.0)
    for name, reference in (("sin", np.sin), ("cos", np.cos)):
        absolute, _ = errors(float32.POINTWISE[name](x), reference(x.astype(np.float64)))
        assert absolute.max() < LIMIT, name
    np.testing.assert_array_equal(-float32.sin(x), float32.sin(-x))
    np.testing.assert_array_equal(float32.cos(x), float32.cos(-x))


def test_rounding_is_exact() -> None:
    """Whole numbers, halves and what is too large to have a fraction."""
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 4194304.5, 8388607.5, 1e10, -3e38], np.float32)
    np.testing.assert_array_equal(np.rint(x), float32.round(x))
    np.testing.assert_array_equal(np.floor(x), float32.floor(x))
    np.testing.assert_array_equal(np.trunc(x), float32.trunc(x))


def test_ends_of_the_logarithm() -> None:
    """-infinity at 0, infinity at infinity, no number below 0."""
    x = np.array([0.0, np.inf, -1.0], np.float32)
    np.testing.assert_array_equal([-np.inf, np.inf, np.nan], float32.log(x))
    np.testing.assert_array_equal([-np.inf, np.inf, np.nan], float32.log1p(x - np.array([1, 0, 1], np.float32)))


def test_limits_of_the_activations() -> None:
    """Far out the activations are 0, 1, -1 or x itself, also where intermediate results overflow."""
    x = np.array([-1e38, -1e13, 1e13, 1e38], np.float32)
    np.testing.assert_array_equal([0, 0, 1, 1], float32.sigmoid(x))
    np.testing.assert_array_equal([-1, -1, 1, 1], float32.tanh(x))
    for name in ("silu", "softplus", "gelu", "gelu_tanh"):
        np.testing.assert_array_equal(np.maximum(x, 0), float32.POINTWISE[name](x), err_msg=name)


def test_odd_symmetry_of_tanh() -> None:
    """tanh(-x) is -tanh(x) in every bit."""
    x = sweep(0.0, 20.0)
    np.testing.assert_array_equal(-float32.tanh(x), float32.tanh(-x))
