"""Linear layers and convolutions: their value against float64, and the order in which they sum."""

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


@given(
    seed=st.integers(0, 2**32 - 2),
    steps=st.integers(1, 10),
    taps=st.integers(1, 4),
    dilation=st.integers(1, 3),
    stride=st.integers(1, 3),
    groups=st.integers(1, 3),
)
def test_conv1d_is_a_linear_layer_on_windows(
    seed: int, steps: int, taps: int, dilation: int, stride: int, groups: int
) -> None:
    """Each output step of a causal convolution is the linear layer of its taps, oldest first, bit for bit."""
    x, weight, bias = (
        normal(seed, 2, steps, 2 * groups),
        normal(seed + 1, 3 * groups, 2, taps),
        normal(seed, 3 * groups),
    )
    reach = dilation * (taps - 1)
    y = float32.conv1d(x, weight, bias, pad=(reach, 0), stride=stride, dilation=dilation, groups=groups)
    padded = np.pad(x, ((0, 0), (reach, 0), (0, 0)))
    for t in range(y.shape[1]):
        window = padded[:, t * stride : t * stride + reach + 1 : dilation]  # (2, taps, c)
        for group in range(groups):
            channels, outputs = slice(2 * group, 2 * group + 2), slice(3 * group, 3 * group + 3)
            rows = weight[outputs].transpose(0, 2, 1).reshape(3, 2 * taps)
            expected = float32.linear(window[:, :, channels].reshape(2, 2 * taps), rows, bias[outputs])
            np.testing.assert_array_equal(expected, y[:, t, outputs])


def test_padding_changes_no_bit() -> None:
    """A sum of negative zeros is +0 whether they are products with the padding or not, so padding may be skipped."""
    x = np.full((1, 1, 1), -1.0, np.float32)
    weight = np.array([[[-1.0, 0.0]]], np.float32)
    y = float32.conv1d(x, weight, np.array([-0.0], np.float32), pad=(1, 0))
    assert not np.signbit(y[0, 0, 0])
