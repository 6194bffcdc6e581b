"""Tables of pointwise functions: exact for int8, within a step and the curvature for int16."""

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import qparams

from smidgen.numerics.quantization import QParams, qparams_for_range
from smidgen.numerics.tables import table_entries, table_lookup

Floats = NDArray[np.float64]
Function = Callable[[Floats], Floats]

_erf = np.vectorize(math.erf)

#: name -> (function, largest second derivative)
SMOOTH: dict[str, tuple[Function, float]] = {
    "sigmoid": (lambda x: 1.0 / (1.0 + np.exp(-x)), 0.097),
    "tanh": (np.tanh, 0.770),
    "silu": (lambda x: x / (1.0 + np.exp(-x)), 0.5),
    "softplus": (lambda x: np.logaddexp(0.0, x), 0.25),
    "gelu": (lambda x: 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0))), 0.798),
}
INT8 = np.arange(-128, 128)
INT16 = np.arange(-32767, 32768)


@given(x=qparams("int8"), y=qparams("int8"), slope=st.integers(-8, 8), offset=st.integers(-1000, 1000))
def test_int8_tables_are_exact(x: QParams, y: QParams, slope: int, offset: int) -> None:
    """All 256 entries are the nearest integers of the real function, by rational arithmetic, saturated."""
    table = table_entries(lambda real: slope * real + offset, x, y)
    assert table.shape == (256,)
    for q, found in zip(INT8, table_lookup(INT8, table, "int8"), strict=True):
        real = slope * Fraction(x.scale) * (int(q) - x.zero_point) + offset
        exact = min(max(real / Fraction(y.scale) + y.zero_point, Fraction(-128)), Fraction(127))
        assert abs(exact - int(found)) <= Fraction(1, 2) + Fraction(1, 2**20)


@pytest.mark.parametrize("peak", [1.0, 8.0, 64.0])
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_int16_tables_are_within_a_step_and_the_curvature(name: str, peak: float, dtype: str) -> None:
    """Over every int16 input: 1 step, as knots and result are rounded, and h^2 / 8 max|f''|, h the knots' distance.

    Up to +-8 that is 4.1 steps of int16 for tanh, the most curved, and 1.1 of int8 for all.
    """
    function, curvature = SMOOTH[name]
    x = qparams_for_range(-peak, peak, "int16", symmetric=True)
    exact = function(x.dequantize(INT16))
    y = qparams_for_range(1.01 * exact.min(), 1.01 * exact.max(), dtype, symmetric=False)
    found = table_lookup(INT16, table_entries(function, x, y), "int16")
    error = np.abs(found - (exact / y.scale + y.zero_point)).max()
    knot_distance = 128 * x.scale
    assert error <= 1.0 + knot_distance**2 / 8 * curvature / y.scale
    assert peak > 8.0 or error <= {"int8": 1.1, "int16": 4.1}[dtype]


@pytest.mark.parametrize(
    "function", [lambda x: np.maximum(x, 0.0), np.abs, lambda x: 3.0 * x], ids=["relu", "abs", "line"]
)
def test_a_kink_at_zero_stays_sharp(function: Function) -> None:
    """Zero is a knot: ReLU, absolute value and lines through zero are within half a step of int16."""
    x = qparams_for_range(-4.0, 4.0, "int16", symmetric=True)
    y = qparams_for_range(-12.0, 12.0, "int16", symmetric=True)
    found = table_lookup(INT16, table_entries(function, x, y), "int16")
    assert np.abs(found - function(x.dequantize(INT16)) / y.scale).max() <= 1.0
    assert found[INT16 == 0] == 0


def test_the_last_segment_is_read_whole() -> None:
    """The ends of int16 lie in the first and the last of 512 segments; a saturating function stays saturated there."""
    x, y = QParams(dtype="int16", scale=1.0), QParams(dtype="int16", scale=2.0)
    table = table_entries(lambda real: real, x, y)
    assert table.shape == (513,)
    assert table_lookup(np.array([-32767, 32767]), table, "int16").tolist() == [-16383, 16384]
