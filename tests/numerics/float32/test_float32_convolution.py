"""Convolutions: the order in which they sum, and what padding changes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import windows

from smidgen.numerics import float32
from smidgen.numerics.window import Window


def normal(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@given(
    data=st.data(), seed=st.integers(0, 2**32 - 2), rows=st.integers(1, 6), columns=st.integers(1, 6),
    groups=st.integers(1, 3),
)  # fmt: skip
def test_a_convolution_is_a_linear_layer_on_windows(
    data: st.DataObject, seed: int, rows: int, columns: int, groups: int
) -> None:
    """Each output is the linear layer of its taps by rows, columns and channels, bit for bit."""
    window = data.draw(windows((rows, columns)))
    x, bias = normal(seed, 2, rows, columns, 2 * groups), normal(seed, 3 * groups)
    weight = normal(seed + 1, 3 * groups, *window.size, 2)
    y = float32.conv2d(x, weight, bias, window, groups=groups)
    taps = np.stack([frames for _, _, frames in window.frames(x, 0.0)], axis=3)  # (B, R', C', taps, c)
    for group in range(groups):
        channels, outputs = slice(2 * group, 2 * group + 2), slice(3 * group, 3 * group + 3)
        columns_of_taps = np.ascontiguousarray(taps[..., channels]).reshape(*taps.shape[:3], -1)
        expected = float32.linear(columns_of_taps, weight[outputs].reshape(3, -1), bias[outputs])
        np.testing.assert_array_equal(expected, y[..., outputs])


def test_padding_changes_no_bit() -> None:
    """A sum of negative zeros is +0 whether they are products with the padding or not, so padding may be skipped."""
    x = np.full((1, 1, 1, 1), -1.0, np.float32)
    weight = np.array([-1.0, 0.0], np.float32).reshape(1, 2, 1, 1)
    y = float32.conv2d(x, weight, np.array([-0.0], np.float32), Window(size=(2, 1), pad_before=(1, 0)))
    assert not np.signbit(y[0, 0, 0, 0])
