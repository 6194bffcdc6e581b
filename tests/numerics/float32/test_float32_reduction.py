"""Sums and means in order, first extremes."""

import numpy as np

from smidgen.numerics import float32


def test_mean_sums_in_order_and_divides_once() -> None:
    """2^24 swallows what is added to it, so the order shows; a third of 1 is the rounded quotient."""
    x = np.array([[2.0**24, 1.0, 1.0, -(2.0**24)], [1.0, 1.0, 2.0**24, -(2.0**24)]], np.float32)
    np.testing.assert_array_equal([0.0, 0.5], float32.mean(x, axis=1))
    thirds = np.array([[1.0, 0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(np.array([1 / 3], np.float32), float32.mean(thirds, axis=1))


def test_mean_takes_any_axis() -> None:
    """The axis counts as in numpy, batch included, and is gone afterwards."""
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for axis in range(3):
        np.testing.assert_array_equal(x.astype(np.float64).mean(axis=axis), float32.mean(x, axis=axis))


def test_extremes_take_the_first_of_equals() -> None:
    """Of several maxima the first counts, its position as an int32; -0 and 0 are equal."""
    x = np.array([[1.0, 3.0, 3.0], [-0.0, 0.0, -1.0]], np.float32)
    for least, positions, values in ((False, [1, 0], [3.0, -0.0]), (True, [0, 2], [1.0, -1.0])):
        actual = float32.position(x, axis=1, least=least)
        assert actual.dtype == np.int32
        np.testing.assert_array_equal(positions, actual)
        found = float32.extremum(x, axis=1, least=least)
        np.testing.assert_array_equal(np.array(values, np.float32).view(np.uint32), found.view(np.uint32))


def test_a_nan_is_the_extreme() -> None:
    """Wherever it stands, so that a broken model is seen."""
    x = np.array([[np.nan, 1.0, 2.0], [1.0, np.nan, 2.0], [1.0, 2.0, np.nan]], np.float32)
    assert np.isnan(float32.extremum(x, axis=1, least=False)).all()
    assert np.isnan(float32.extremum(x, axis=1, least=True)).all()
    for least in (False, True):
        np.testing.assert_array_equal([0, 1, 2], float32.position(x, axis=1, least=least))


def test_a_sum_runs_in_order() -> None:
    """2^24 swallows a 1 that is added to it."""
    x = np.array([[2.0**24, 1.0, -(2.0**24)], [1.0, 2.0**24, -(2.0**24)], [2.0**24, -(2.0**24), 1.0]], np.float32)
    np.testing.assert_array_equal([0.0, 0.0, 1.0], float32.sum_along(x, axis=1))
