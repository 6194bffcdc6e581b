"""Affine quantisation: zero is exact, rounding is to the nearest, ranges are covered."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams, qparams_for_range

reals = st.floats(-1e4, 1e4)


@given(data=st.data(), dtype=activation_types, real=reals)
def test_rounding_is_to_the_nearest_and_saturates(data: st.DataObject, dtype: str, real: float) -> None:
    """Half a step away at most inside the range, the end of the range beyond it."""
    parameters = data.draw(qparams(dtype))
    low, high = (parameters.dequantize(np.array(end)) for end in integer_range(dtype))
    found = float(parameters.dequantize(parameters.quantize(np.array(real))))
    assert abs(found - min(max(real, low), high)) <= parameters.scale * 0.5000001


@given(data=st.data(), dtype=activation_types)
def test_real_zero_is_an_integer(data: st.DataObject, dtype: str) -> None:
    """Zero survives exactly, so padding and masks cost no error."""
    parameters = data.draw(qparams(dtype))
    assert parameters.quantize(np.zeros(1))[0] == parameters.zero_point
    assert parameters.dequantize(np.array([parameters.zero_point]))[0] == 0.0


@given(ends=st.tuples(reals, reals).map(sorted), dtype=activation_types, symmetric=st.booleans())
def test_the_range_asked_for_is_covered(ends: list[float], dtype: str, symmetric: bool) -> None:
    """Both ends lie within half a step of what the integers reach, and the scale is no coarser than that needs."""
    low, high = ends
    parameters = qparams_for_range(low, high, dtype, symmetric=symmetric)
    reach = parameters.dequantize(np.array(integer_range(dtype)))
    assert reach[0] <= low + parameters.scale * 0.51
    assert reach[1] >= high - parameters.scale * 0.51
    asymmetric = dtype == "int8" and not symmetric
    width = max(high, 0.0) - min(low, 0.0) if asymmetric else 2 * max(abs(low), abs(high))
    if width > 1e-30:
        assert parameters.scale == pytest.approx(width / (255 if asymmetric else 2 * integer_range(dtype)[1]))
    assert asymmetric or parameters.zero_point == 0


@pytest.mark.parametrize("peak", [0.0, 5e-324, 1e-39])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_dead_activation_has_a_scale(peak: float, symmetric: bool) -> None:
    """A range that is empty, or narrower than any normal float32, counts as [-1, 1]: no division by zero follows."""
    assert qparams_for_range(0.0, peak, "int8", symmetric=symmetric).scale == pytest.approx(2 / 255, rel=0.01)
    assert qparams_for_range(-peak, 0.0, "int16", symmetric=symmetric).scale == 1 / 32767


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: QParams(dtype="int4", scale=1.0), "'int4' is not an integer type"),
        (lambda: QParams(dtype="int8", scale=0.0), "scale must be finite and positive, got 0.0"),
        (lambda: QParams(dtype="int8", scale=float("nan")), "scale must be finite and positive, got nan"),
        (lambda: QParams(dtype="int8", scale=1.0, zero_point=128), r"must be an integer in \[-128, 127\], got 128"),
        (lambda: QParams(dtype="int8", scale=1.0, zero_point=0.5), r"must be an integer in \[-128, 127\], got 0.5"),
        (lambda: QParams(dtype="int16", scale=1.0, zero_point=1), "int16 activations are symmetric"),
        (lambda: qparams_for_range(0.0, float("inf"), "int8", symmetric=False), r"\[0.0, inf\]: it must be finite"),
        (lambda: qparams_for_range(2.0, 1.0, "int8", symmetric=False), "it must be finite and ordered"),
    ],
)
def test_illegal_parameters_are_refused(make: object, message: str) -> None:
    """Each rule of the contract is checked at birth, and the message tells the value found."""
    with pytest.raises(GraphError, match=message):
        make()  # type: ignore[operator]
