"""2^-x, ln(x), 1/x and 1/sqrt(x) in integers: the stated error over the whole range, and the same integers in C."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from integer_functions import in_c
from numpy.typing import NDArray

from smidgen.numerics.exponential import (
    EXPONENT_BITS,
    EXPONENT_MAX,
    bit_length,
    exp2_negative,
    logarithm,
    reciprocal,
    reciprocal_sqrt,
)

ONE = 1 << EXPONENT_BITS
KNOT = ONE // 128

#: Positive integers below 2^62 of every size, powers of two and their neighbours among them.
operands = st.integers(1, 62).flatmap(
    lambda bits: st.integers(2 ** (bits - 1), 2**bits - 1) | st.sampled_from([2 ** (bits - 1), 2**bits - 1])
)


def exponents() -> NDArray[np.int64]:
    """Return 2.5 million arguments: a sweep of the first octave, all knots with neighbours, and the whole range."""
    knots = np.arange(0, EXPONENT_MAX, KNOT)
    spread = np.random.default_rng(0).integers(0, EXPONENT_MAX + 1, 200_000)
    return np.concatenate([np.arange(0, ONE, 7), knots, knots + 1, knots[1:] - 1, spread, [EXPONENT_MAX]])


def test_exp2_negative_is_within_its_bound() -> None:
    """2^-24 everywhere in [0, 31), and never above 2^31 - 1, which stands for one."""
    x = exponents()
    exact = np.exp2(31 - x / ONE)
    found = exp2_negative(x)
    assert np.abs(found - exact).max() <= 2**31 * 2.0**-24
    assert 0 <= found.min() <= found.max() == 2**31 - 1


def test_exp2_negative_never_rises() -> None:
    """A larger exponent never gives a larger value: a later key cannot win by rounding."""
    found = exp2_negative(np.sort(exponents()))
    assert np.all(np.diff(found) <= 0)


def test_exp2_negative_has_the_right_slope_at_zero() -> None:
    """1 - 2^-x is within 10^-4 of itself from x = 2^-13 on: it sets the gain of a slowly decaying recurrence."""
    x = np.unique(np.geomspace(2**11, KNOT, 5000).astype(np.int64))
    exact = -np.expm1(-math.log(2) * x / ONE)
    assert np.abs((1 - exp2_negative(x) / 2**31) / exact - 1).max() <= 1e-4


def test_exp2_negative_in_c_equals_python() -> None:
    """Every integer agrees, the end of the range included."""
    x = exponents()
    np.testing.assert_array_equal(exp2_negative(x), in_c("exp2_negative", x))


def test_logarithm_is_within_its_bound_and_equals_c() -> None:
    """2^-23 for 0 < value < 2^62: every small number, powers of two and their neighbours, and a sweep of all sizes."""
    random = np.random.default_rng(0)
    sizes = 2 ** np.arange(1, 62)
    spread = np.maximum(random.integers(2**61, 2**62, 500_000) >> random.integers(0, 62, 500_000), 1)
    value = np.concatenate([np.arange(1, 70_000), sizes - 1, sizes, sizes + 1, [2**62 - 1], spread])
    found = logarithm(value)
    assert np.abs(found / 2**24 - np.log(value.astype(np.longdouble))).max() <= 2.0**-23
    np.testing.assert_array_equal(found, in_c("logarithm", value))


@given(value=operands)
def test_reciprocal_is_within_its_bound_and_equals_c(value: int) -> None:
    """Relative error below 2^-28 for 0 < value < 2^62, a mantissa of 31 bits, and the same pair in C."""
    mantissa, exponent = (int(part[0]) for part in reciprocal(np.array([value])))
    assert 2**30 - 2 <= mantissa < 2**31
    assert abs(Fraction(mantissa * value, 2**exponent) - 1) < Fraction(1, 2**28)
    assert mantissa == in_c("reciprocal_mantissa", value)[0]
    assert exponent == in_c("reciprocal_exponent", value)[0]


@given(value=operands)
def test_reciprocal_sqrt_is_within_its_bound_and_equals_c(value: int) -> None:
    """Relative error below 2^-27 for 0 < value < 2^62, a mantissa of 31 bits, and the same pair in C."""
    mantissa, exponent = (int(part[0]) for part in reciprocal_sqrt(np.array([value])))
    assert 2**30 - 2 <= mantissa < 2**31
    squared = Fraction(mantissa**2 * value, 2 ** (2 * exponent))  # (1 + error)^2
    assert Fraction(2**27 - 1, 2**27) ** 2 < squared < Fraction(2**27 + 1, 2**27) ** 2
    assert mantissa == in_c("reciprocal_sqrt_mantissa", value)[0]
    assert exponent == in_c("reciprocal_sqrt_exponent", value)[0]


def test_the_roots_hold_on_half_a_million_operands() -> None:
    """The same bounds by float64 over random sizes, and the same integers in C."""
    random = np.random.default_rng(0)
    value = np.maximum(random.integers(2**61, 2**62, 500_000) >> random.integers(0, 62, 500_000), 1)
    for name, function, exact in (
        ("reciprocal", reciprocal, 1.0 / value),
        ("reciprocal_sqrt", reciprocal_sqrt, 1.0 / np.sqrt(value)),
    ):
        mantissa, exponent = function(value)
        assert np.abs(mantissa * 2.0**-exponent / exact - 1).max() < 2.0**-27
        np.testing.assert_array_equal(mantissa, in_c(f"{name}_mantissa", value))
        np.testing.assert_array_equal(exponent, in_c(f"{name}_exponent", value))


@given(value=st.integers(0, 2**62 - 1))
def test_bit_length_is_pythons(value: int) -> None:
    """The number of significant bits, 0 for 0."""
    assert value.bit_length() == bit_length(np.array([value]))[0]
