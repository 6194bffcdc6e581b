"""Linear layers: their value against float64, and the order in which they sum."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics import float32


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@given(seed=st.integers(0, 2**32 - 2), rows=st.integers(1, 5), in_width=st.integers(1, 80), out_width=st.integers(1, 9))
def test_linear_is_a_matrix_product(seed: int, rows: int, in_width: int, out_width: int) -> None:
    """The error against float64 stays below k + 1 roundings of the sum of magnitudes (Higham 2002, Section 3.1)."""
    x, weight, bias = normal(seed, 2, rows, in_width), normal(seed + 1, out_width, in_width), normal(seed, out_width)
    exact = x.astype(np.float64) @ weight.T.astype(np.float64) + bias
    bound = (in_width + 1) * 2.0**-24 * 1.01 * (np.abs(x) @ np.abs(weight).T + np.abs(bias))
    assert np.all(np.abs(float32.linear(x, weight, bias) - exact) <= bound)


def test_sums_run_in_order_and_take_the_bias_last() -> None:
    """2^24 swallows a 1 that is added to it, so the place of every term can be told from the result."""
    big = float(2**24)
    weight = np.array([[1, big, -big], [big, 1, -big], [big, -big, 1]], np.float32)
    y = float32.linear(np.ones((1, 3), np.float32), weight, np.array([0.0, 0.0, big], np.float32))
    np.testing.assert_array_equal([[0.0, 0.0, big]], y)
    np.testing.assert_array_equal(
        [[1.0, 0.0, 1.0]], float32.linear(np.ones((1, 3), np.float32), weight[[2, 1, 2]], np.zeros(3, np.float32))
    )


def test_rows_do_not_depend_on_their_company() -> None:
    """A batch so large that it is computed in blocks gives each row the bytes that it has alone."""
    x, weight, bias = normal(1, 5000, 12), normal(2, 40, 12), normal(3, 40)
    together = float32.linear(x, weight, bias)
    for row in (0, 1637, 1638, 1639, 4999):
        np.testing.assert_array_equal(float32.linear(x[row], weight, bias), together[row])
