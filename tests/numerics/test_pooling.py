"""Poolings in integers against float64."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors, windows

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.pooling import average_pool, average_pool_parameters, elements_inside, max_pool
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, rows=st.integers(1, 8), columns=st.integers(1, 5),
    count_padding=st.booleans(),
)  # fmt: skip
def test_an_average_is_rounded_once(
    data: st.DataObject, x_type: str, y_type: str, rows: int, columns: int, count_padding: bool
) -> None:
    """Half a step, and the error of the multiplier: 2^-17 of the sum where it has no shift."""
    x_qparams, y_qparams = (
        data.draw(qparams(x_type, low=-8.0, high=0.0)),
        data.draw(qparams(y_type, low=-8.0, high=0.0)),
    )
    window = data.draw(windows((rows, columns), spread=False))
    x = data.draw(tensors(x_type, 1, rows, columns, 2))
    taps = window.size[0] * window.size[1]
    p = average_pool_parameters(x_qparams, y_qparams, taps=taps, count_padding=count_padding)
    found = average_pool(
        x, window, multiplier=p.multiplier, shift=p.shift, count_padding=count_padding,
        zero_points=(x_qparams.zero_point, y_qparams.zero_point), dtype=y_type,
    )  # fmt: skip
    real = sum(frames for _, _, frames in window.frames(x_qparams.dequantize(x), 0.0))
    mean = real / (taps if count_padding else elements_inside(x, window))
    exact = np.clip(mean / y_qparams.scale + y_qparams.zero_point, *integer_range(y_type))
    largest = np.abs(mean / y_qparams.scale).max()
    assert np.all(np.abs(found - exact) <= 0.5 + largest * 2.0**-17 + 1e-6)


def test_padding_counts_or_does_not() -> None:
    """A window of three over [3, 6]: (0 + 3 + 6) / 3 = 3 where padding counts, (3 + 6) / 2 = 4.5 where it does not."""
    unit = QParams(dtype="int16", scale=0.5)
    window = Window(size=(3, 1), pad_before=(1, 0), pad_after=(1, 0))
    for count_padding, expected in ((True, 6), (False, 9)):
        p = average_pool_parameters(unit, unit, taps=3, count_padding=count_padding)
        found = average_pool(
            np.array([6, 12]).reshape(1, 2, 1, 1), window, multiplier=p.multiplier, shift=p.shift,
            count_padding=count_padding, zero_points=(0, 0), dtype="int16",
        )  # fmt: skip
        assert found.reshape(-1).tolist() == [expected, expected]


def test_the_largest_element_is_never_padding() -> None:
    """Beside -5 the padding is not 0."""
    window = Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1))
    x = np.full((1, 1, 1, 1), -5)
    assert max_pool(x, window).reshape(-1).tolist() == [-5]


def test_a_sum_that_may_overflow_is_refused() -> None:
    """2**15 + 2 elements of int16 reach 2**31."""
    unit = QParams(dtype="int16", scale=1.0)
    with pytest.raises(GraphError, match="average pooling: the accumulator can reach 2147549180"):
        average_pool_parameters(unit, unit, taps=2**15 + 2, count_padding=True)
    average_pool_parameters(unit, unit, taps=2**15 + 1, count_padding=True)
