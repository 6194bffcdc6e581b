"""Rounded fixed-point products are exact, alike in Python and C, and their parameters as precise as stated."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from integer_functions import in_c
from strategies import int32s, multipliers, shifts

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import (
    fixed_point,
    integer_range,
    prove_accumulator,
    requantize,
    rounded_shift,
    saturate,
    signed_fixed_point,
)


def rounded(value: Fraction) -> int:
    """To the nearest, halves up: the one rounding of the project."""
    return math.floor(value + Fraction(1, 2))


@given(acc=int32s, multiplier=multipliers, shift=shifts)
def test_requantize_is_exact_and_equals_c(acc: int, multiplier: int, shift: int) -> None:
    """Python equals exact rational rounding, saturated to +-2^30, and C equals Python, for every legal input."""
    exact = rounded(Fraction(acc * multiplier) * Fraction(2) ** (shift - 32))
    expected = max(-(2**30), min(2**30, exact))
    assert expected == requantize(np.array([acc]), multiplier, shift)[0]
    assert expected == in_c("requantize", acc, multiplier, shift)[0]


def test_requantize_in_c_equals_python_on_a_million_inputs() -> None:
    """Python equals C for random inputs at every shift, the ends of each range among them."""
    random = np.random.default_rng(0)
    size = 1_000_000
    acc = random.integers(-(2**31), 2**31, size) >> random.integers(0, 31, size)
    acc[:100_000] = random.choice([-(2**31), 2**31 - 1, -1, 0, 1], 100_000)
    multiplier = random.integers(0, 2**31, size)
    multiplier[50_000:150_000] = random.choice([0, 1, 2**30, 2**31 - 1], 100_000)
    for shift in range(-30, 32):
        part = slice((shift + 30) * size // 62, (shift + 31) * size // 62)
        expected = requantize(acc[part], multiplier[part], shift)
        np.testing.assert_array_equal(expected, in_c("requantize", acc[part], multiplier[part], shift))


@given(value=st.integers(-(2**62), 2**62 - 1), shift=st.integers(0, 62))
def test_rounded_shift_is_exact_and_equals_c(value: int, shift: int) -> None:
    """floor(value / 2^shift + 1/2) without an intermediate overflow, up to 62 bits."""
    exact = rounded(Fraction(value, 2**shift))
    assert exact == rounded_shift(np.array([value]), shift)[0] == in_c("rounded_shift_s64", value, shift)[0]


@given(value=st.integers(-(2**30), 2**30 - 1), shift=st.integers(0, 30))
def test_narrow_rounded_shift_equals_the_wide_one(value: int, shift: int) -> None:
    """The 32-bit form, which kernels use where a sum provably fits, is the same function."""
    assert rounded_shift(np.array([value]), shift)[0] == in_c("rounded_shift_s32", value, shift)[0]


@given(scales=st.lists(st.floats(2.0**-30, 2.0**29), min_size=1, max_size=5))
def test_fixed_point_is_precise(scales: list[float]) -> None:
    """The largest scale keeps 18 bits or more, each other one the same absolute precision."""
    multipliers, shift = fixed_point(np.array(scales))
    assert -30 <= shift <= 31
    assert 0 <= multipliers.min() <= multipliers.max() < 2**31
    found = multipliers * 2.0 ** (shift - 32)
    assert np.all(np.abs(found - scales) <= 2.0 ** (shift - 32))
    assert abs(found.max() - max(scales)) <= 2.0**-18 * max(scales)


@given(scale=st.floats(2.0**-15, 0.499))
def test_usual_scales_take_one_multiply_high(scale: float) -> None:
    """Between 2^-15 and 1/2 the shift is 0, which is one SMMULR on a core with the DSP extension."""
    assert fixed_point(scale)[1] == 0


def test_fixed_point_of_nothing_is_zero() -> None:
    """Scales that are all 0 give multipliers of 0 rather than an error: a dead layer compiles."""
    multipliers, shift = fixed_point(np.zeros(3))
    assert (multipliers.tolist(), shift) == ([0, 0, 0], 0)


@pytest.mark.parametrize(
    ("scale", "message"),
    [
        (-1.0, "gate scale must be finite and not negative, found -1.0"),
        (math.nan, "gate scale must be finite"),
        (math.inf, "gate scale must be finite"),
        (2.0**31, r"gate scale 2.14748e\+09 is outside \[2\^-32, 2\^30\]; rescale the layer's weights"),
        (2.0**-34, r"gate scale 5.82077e-11 is outside"),
    ],
)
def test_fixed_point_refuses_what_it_cannot_hold(scale: float, message: str) -> None:
    """A scale beyond the representable range is an error that names it, never a wrong multiplier."""
    with pytest.raises(GraphError, match=message):
        fixed_point(scale, "gate scale")


@given(
    factors=st.lists(st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), min_size=1, max_size=5),
    bits=st.sampled_from([16, 31]),
    largest_exponent=st.integers(-25, 40),
)
def test_signed_fixed_point_is_precise(factors: list[float], bits: int, largest_exponent: int) -> None:
    """Half a step of the chosen exponent at most, and full range unless the exponent's limit forbids it."""
    integers, exponent = signed_fixed_point(np.array(factors), bits, "gain", largest_exponent=largest_exponent)
    assert exponent <= largest_exponent
    assert np.abs(integers).max() <= 2 ** (bits - 1) - 1
    assert np.all(np.abs(integers * 2.0**-exponent - factors) <= 2.0**-exponent)
    assert exponent == largest_exponent or np.abs(integers).max() >= 2 ** (bits - 2)


def test_signed_fixed_point_refuses_what_is_not_finite() -> None:
    """NaN is an error with the caller's name for it; zeros have exponent 0."""
    with pytest.raises(GraphError, match="norm gain must be finite"):
        signed_fixed_point(np.array([1.0, np.nan]), 16, "norm gain", largest_exponent=30)
    assert signed_fixed_point(np.zeros(2), 16, "norm gain", largest_exponent=30)[1] == 0


def test_accumulators_are_proved_below_32_bits() -> None:
    """The bound is the last one that an int32 holds; beyond it the message says what to do."""
    assert prove_accumulator(np.array([5, 2**31 - 1]), "layer") == 2**31 - 1
    with pytest.raises(GraphError, match="layer: the accumulator can reach 2147483648, an int32 holds less"):
        prove_accumulator([2**31], "layer")


@given(value=st.integers(-(2**40), 2**40), dtype=st.sampled_from(["int8", "int16", "int32"]))
def test_saturation_keeps_to_the_legal_range(value: int, dtype: str) -> None:
    """int8 and int32 use every value, int16 is symmetric."""
    low, high = {"int8": (-128, 127), "int16": (-32767, 32767), "int32": (-(2**31), 2**31 - 1)}[dtype]
    assert integer_range(dtype) == (low, high)
    assert min(max(value, low), high) == saturate(np.array([value]), dtype)[0]


def test_only_integer_types_have_a_range() -> None:
    """float32 and misspelt types are refused by name."""
    with pytest.raises(GraphError, match="'float32' is not an integer type; expected one of int8, int16, int32"):
        integer_range("float32")
