"""Linear layers in integers: the real number they stand for, rounded once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors, weights

from smidgen.errors import GraphError
from smidgen.numerics.linear import accumulator_parameters, dot_products, finish_accumulator
from smidgen.numerics.quantization import QParams

sizes = st.integers(1, 9)


@given(data=st.data(), dtype_x=activation_types, dtype_y=activation_types, rows=sizes, k=st.integers(1, 40), o=sizes)
def test_linear_is_rounded_once(data: st.DataObject, dtype_x: str, dtype_y: str, rows: int, k: int, o: int) -> None:
    """Against float64 on the same integers: half a step, half an accumulator's step of bias, the multiplier's error."""
    x_qparams = data.draw(qparams(dtype_x, low=-10.0, high=-2.0))
    y_qparams = data.draw(qparams(dtype_y, low=-10.0, high=-2.0))
    x, weight = data.draw(tensors(dtype_x, rows, k)), data.draw(weights(o, k))
    random = np.random.default_rng(rows * k * o)
    scale, bias = 2.0 ** random.uniform(-12, -8, o), random.normal(size=o)
    p = accumulator_parameters(weight, scale, bias, x_qparams, y_qparams, "layer")
    y = finish_accumulator(dot_products(x, weight), p.bias, p.multiplier, p.shift, y_qparams.zero_point, dtype_y)

    real = x_qparams.dequantize(x) @ (weight * scale[:, None]).T + bias
    exact = real / y_qparams.scale + y_qparams.zero_point
    acc_scale = scale * x_qparams.scale / y_qparams.scale
    tolerance = 0.5 + 0.5 * acc_scale + p.accumulator_bound * 2.0 ** (p.shift - 33) + 1e-6
    low, high = (-128, 127) if dtype_y == "int8" else (-32767, 32767)
    assert np.all(np.abs(y - np.clip(exact, low, high)) <= tolerance)


def test_an_accumulator_that_may_overflow_is_refused() -> None:
    """520 int16 inputs under weights of 127 exceed 31 bits: the layer is named, and what helps."""
    weight = np.full((1, 520), 127)
    x, y = QParams(dtype="int16", scale=1.0), QParams(dtype="int16", scale=100.0)
    with pytest.raises(GraphError, match="wide: the accumulator can reach 2163932680"):
        accumulator_parameters(weight, np.ones(1), None, x, y, "wide")
    assert (
        accumulator_parameters(weight[:, :500], np.ones(1), None, x, y, "wide").accumulator_bound == 500 * 127 * 32767
    )
