"""Sums in integers against float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams
from smidgen.numerics.reduction import sum_along, sum_parameters


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, length=st.integers(1, 200),
    factor=st.sampled_from([1.0, 7.0, 0.25]),
)  # fmt: skip
def test_a_sum_is_rounded_once(data: st.DataObject, x_type: str, y_type: str, length: int, factor: float) -> None:
    """Half a step, and the error of the multiplier: 2^-17 of the sum where it has no shift."""
    x = data.draw(qparams(x_type, low=-8.0, high=0.0))
    values = data.draw(tensors(x_type, 4, length))
    real = factor * x.dequantize(values).sum(axis=1)
    y = QParams(dtype=y_type, scale=(np.abs(real).max() + x.scale) / integer_range(y_type)[1])
    multiplier, shift = sum_parameters(x, y, length, factor=factor)
    found = sum_along(
        values, axis=1, zero_points=(x.zero_point, 0), multiplier=multiplier, shift=shift, dtype=y_type
    )  # fmt: skip
    assert np.all(np.abs(found - real / y.scale) <= 0.5 + np.abs(real / y.scale) * 2.0**-17 + 1e-6)


def test_a_sum_that_may_overflow_is_refused() -> None:
    """65,538 elements of int16 reach 2**31 - 1 at most, one more does not fit."""
    unit = QParams(dtype="int16", scale=1.0)
    sum_parameters(unit, unit, 65538)
    with pytest.raises(GraphError, match="sum: the accumulator can reach 2147549180"):
        sum_parameters(unit, unit, 65540)
