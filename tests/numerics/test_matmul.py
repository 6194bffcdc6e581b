"""Products of two computed matrices in integers against float64."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.matmul import matmul, matmul_parameters
from smidgen.numerics.quantization import QParams


@given(
    data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types, m=st.integers(1, 4),
    k=st.integers(1, 200), n=st.integers(1, 4), transposed=st.booleans(),
)  # fmt: skip
def test_a_product_is_rounded_once(
    data: st.DataObject, a_type: str, b_type: str, y_type: str, m: int, k: int, n: int, transposed: bool
) -> None:
    """Half a step, half a step of the sum before its scale, and the multiplier's error: 2^-17 of the sum."""
    a = data.draw(qparams(a_type, symmetric=True, low=-10.0, high=-2.0))
    b = data.draw(qparams(b_type, symmetric=True, low=-10.0, high=-2.0))
    left = data.draw(tensors(a_type, 2, m, k))
    right = data.draw(tensors(b_type, 2, *((n, k) if transposed else (k, n))))
    real = a.dequantize(left) @ (b.dequantize(right).swapaxes(1, 2) if transposed else b.dequantize(right))
    y = QParams(dtype=y_type, scale=(np.abs(real).max() + a.scale * b.scale) / integer_range(y_type)[1])
    p = matmul_parameters(a, b, y, k)
    found = matmul(left, right, transposed=transposed, **asdict(p), zero_point=0, dtype=y_type)
    of_prescale = a.scale * b.scale * 2.0**p.prescale / y.scale if p.prescale else 0.0
    assert np.all(np.abs(found - real / y.scale) <= 0.5 + of_prescale + np.abs(real / y.scale) * 2.0**-17 + 1e-6)


@pytest.mark.parametrize(
    ("dtype", "depth", "prescale"), [("int8", 2**17 - 1, 0), ("int8", 2**17, 2), ("int16", 1, 0), ("int16", 3, 2)]
)
def test_sums_take_64_bits_where_they_must(dtype: str, depth: int, prescale: int) -> None:
    """2^17 products of int8 and 3 of int16 may reach 2^31."""
    unit = QParams(dtype=dtype, scale=1.0)
    assert matmul_parameters(unit, unit, QParams(dtype="int16", scale=1e4), depth).prescale == prescale


def test_a_zero_point_is_refused() -> None:
    """Kernels see plain products."""
    x = QParams(dtype="int8", scale=1.0, zero_point=1)
    with pytest.raises(GraphError, match="a product of two tensors needs symmetric operands"):
        matmul_parameters(x, x, x, 4)
