"""Sums, products, changes of scale and means of integer tensors against the real numbers they stand for."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.elementwise import (
    add,
    add_parameters,
    divide,
    divide_parameters,
    multiply,
    rescale,
    rescale_parameters,
)
from smidgen.numerics.fixed_point import fixed_point, integer_range
from smidgen.numerics.quantization import QParams
from smidgen.numerics.reduction import mean, mean_parameters

SIZE = 32


def worst_error(found: NDArray[np.int64], real: NDArray[np.float64], y: QParams) -> float:
    """Return the largest distance in steps of y from the real result, saturated as y must."""
    return float(np.abs(found - np.clip(real / y.scale + y.zero_point, *integer_range(y.dtype))).max())


@given(data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types)
def test_add_is_rounded_once(data: st.DataObject, a_type: str, b_type: str, y_type: str) -> None:
    """Half a step and the precision of two multipliers, whatever the types, scales and zero points."""
    a, b, y = (data.draw(qparams(dtype, low=-10.0, high=0.0)) for dtype in (a_type, b_type, y_type))
    x = [data.draw(tensors(dtype, SIZE)) for dtype in (a_type, b_type)]
    p = add_parameters(a, b, y)
    found = add(*x, **{name: getattr(p, name) for name in p.__slots__}, dtype=y_type)
    spread = sum(integer_range(q.dtype)[1] - integer_range(q.dtype)[0] for q in (a, b))
    tolerance = 0.5 + spread * 2.0 ** -(p.shift + 1) + 1e-9
    assert worst_error(found, a.dequantize(x[0]) + b.dequantize(x[1]), y) <= tolerance
    if a.scale / 16 < y.scale and b.scale / 16 < y.scale:
        assert tolerance < 0.51


@given(data=st.data())
def test_a_sum_of_int8_stays_within_32_bits(data: st.DataObject) -> None:
    """Whatever the scales, no partial sum of the int8 form leaves the int32 in which C computes it."""
    a, b, y = (data.draw(qparams("int8", low=-20.0, high=0.0)) for _ in range(3))
    try:
        p = add_parameters(a, b, y)
    except GraphError:
        reject()
    ends = np.array([-128, 127])
    products = np.add.outer(ends * p.multiplier_a, ends * p.multiplier_b)
    assert np.abs(products).max() < 2**31
    assert np.abs(products + p.offset).max() + 2 ** (p.shift - 1) < 2**31


def test_add_refuses_scales_that_differ_too_much() -> None:
    """An operand 2^31 times coarser than the result cannot be represented; both scales are told."""
    coarse, fine = QParams(dtype="int8", scale=2.0**20), QParams(dtype="int8", scale=2.0**-11)
    with pytest.raises(GraphError, match=r"add: input scale 1.04858e\+06 is too coarse for output scale 0.000488281"):
        add_parameters(coarse, fine, fine)


@given(data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types)
def test_divide_is_rounded_once(data: st.DataObject, a_type: str, b_type: str, y_type: str) -> None:
    """Half a step, whatever the types, scales and zero points; by 0 the end of the range on the dividend's side."""
    a, b, y = (data.draw(qparams(dtype, low=-10.0, high=0.0)) for dtype in (a_type, b_type, y_type))
    x = [data.draw(tensors(dtype, SIZE)) for dtype in (a_type, b_type)]
    multiplier, shift = divide_parameters(a, b, y)
    zero_points = (a.zero_point, b.zero_point, y.zero_point)
    found = divide(*x, zero_points=zero_points, multiplier=multiplier, shift=shift, dtype=y_type)
    dividend, divisor = a.dequantize(x[0]), b.dequantize(x[1])
    by_zero = np.where(dividend == 0.0, 0.0, np.sign(dividend) * 1e9)
    real = np.where(divisor == 0.0, by_zero, dividend / np.where(divisor == 0.0, 1.0, divisor))
    assert worst_error(found, real, y) <= 0.501


def test_divide_refuses_scales_that_cannot_be() -> None:
    """A quotient so coarse that every result would be 0 is told, with all three scales."""
    fine, coarse = QParams(dtype="int8", scale=2.0**-20), QParams(dtype="int8", scale=2.0)
    with pytest.raises(GraphError, match=r"div: scale 9\.53674e-07 divided by 2 does not go with 2 of the quotient"):
        divide_parameters(fine, coarse, coarse)


@given(data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types)
def test_multiply_is_rounded_once(data: st.DataObject, a_type: str, b_type: str, y_type: str) -> None:
    """Half a step and the precision of one multiplier, with any zero points."""
    a, b, y = (data.draw(qparams(dtype, low=-8.0, high=-4.0)) for dtype in (a_type, b_type, y_type))
    x = [data.draw(tensors(dtype, SIZE)) for dtype in (a_type, b_type)]
    multiplier, shift = fixed_point(a.scale * b.scale / y.scale)
    zero_points = (a.zero_point, b.zero_point, y.zero_point)
    found = multiply(*x, zero_points=zero_points, multiplier=int(multiplier[0]), shift=shift, dtype=y_type)
    assert worst_error(found, a.dequantize(x[0]) * b.dequantize(x[1]), y) <= 0.5 + 2.0 ** (30 + shift - 33) + 1e-6


@given(data=st.data(), x_type=activation_types, y_type=activation_types)
def test_rescale_is_rounded_once(data: st.DataObject, x_type: str, y_type: str) -> None:
    """Half a step and the precision of one multiplier; the same scale twice changes nothing."""
    x, y = data.draw(qparams(x_type)), data.draw(qparams(y_type))
    q = data.draw(tensors(x_type, SIZE))
    multiplier, shift = rescale_parameters(x, y)
    zero_points = {"zero_point_in": x.zero_point, "zero_point_out": y.zero_point}
    found = rescale(q, **zero_points, multiplier=multiplier, shift=shift, dtype=y_type)
    assert worst_error(found, x.dequantize(q), y) <= 0.5 + 65535 * 2.0 ** (shift - 33) + 1e-6
    multiplier, shift = rescale_parameters(x, x)
    zero_points["zero_point_out"] = x.zero_point
    np.testing.assert_array_equal(q, rescale(q, **zero_points, multiplier=multiplier, shift=shift, dtype=x_type))


@given(data=st.data(), x_type=activation_types, y_type=activation_types, length=st.integers(1, 200))
def test_mean_is_rounded_once(data: st.DataObject, x_type: str, y_type: str, length: int) -> None:
    """The exact integer sum, then one rounding to the output's scale, which the reciprocal moves by 2^-27 at most."""
    x, y = data.draw(qparams(x_type, low=-8.0, high=0.0)), data.draw(qparams(y_type, low=-8.0, high=0.0))
    q = data.draw(tensors(x_type, 2, length, 3))
    multiplier, shift = mean_parameters(x, y, length)
    zero_points = (x.zero_point, y.zero_point)
    found = mean(q, axis=1, zero_points=zero_points, multiplier=multiplier, shift=shift, dtype=y_type)
    assert worst_error(found, x.dequantize(q).mean(axis=1), y) <= 0.5 + 65535 * 2.0**-27


def test_a_mean_over_too_many_elements_is_refused() -> None:
    """65539 int16 elements, each 32767 from zero, may exceed 31 bits."""
    x = QParams(dtype="int16", scale=1.0)
    with pytest.raises(GraphError, match="mean: the accumulator can reach"):
        mean_parameters(x, x, 65539)
    mean_parameters(x, x, 65538)
