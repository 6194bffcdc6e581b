"""Poolings: the order in which they sum, division by what they hold, maxima."""

import numpy as np

from smidgen.numerics import float32
from smidgen.numerics.window import Window

AROUND = Window(size=(3, 1), pad_before=(1, 0), pad_after=(1, 0))


def test_an_average_sums_in_order_and_divides_once() -> None:
    """2^24 swallows what is added to it, so the order shows; a third of 1 is the rounded quotient."""
    x = np.array([[2.0**24, 1.0], [1.0, -(2.0**24)]], np.float32).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(0.25, float32.average_pool(x, Window(size=(2, 2)), count_padding=True).item() + 0.25)
    ones = np.ones((1, 1, 1, 1), np.float32)
    np.testing.assert_array_equal(np.float32(1 / 3), float32.average_pool(ones, AROUND, count_padding=True).item())
    assert float32.average_pool(ones, AROUND, count_padding=False).item() == 1.0


def test_the_largest_element_is_never_padding_and_a_nan_stays() -> None:
    """Beside -5 the padding is not 0; whatever comes after a NaN, it is seen."""
    x = np.array([-5.0, -7.0, np.nan, 1.0], np.float32).reshape(1, 4, 1, 1)
    found = float32.max_pool(x, AROUND).reshape(-1)
    assert found[0] == -5.0
    assert np.isnan(found[1:]).all()
