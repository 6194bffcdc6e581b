"""Convolutions in integers: every output is the plain sum of its definition, and padding is a real zero."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import Integers, activation_types, tensors, weights, windows

from smidgen.numerics.convolution import conv2d_products
from smidgen.numerics.linear import accumulator_parameters
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window


def by_definition(x: Integers, weight: Integers, window: Window, pad_value: int, groups: int) -> Integers:
    """Return the accumulators of x (rows, columns, c), tap by tap from where the window's docstring says it reads."""
    rows, columns = window.output_size(*x.shape[:2])
    width = weight.shape[-1]
    acc = np.zeros((rows, columns, len(weight)), np.int64)
    for position in np.ndindex(acc.shape):
        first = position[2] // (len(weight) // groups) * width
        for tap in np.ndindex(window.size):
            place, inside = [0, 0], True
            for axis in (0, 1):
                at = position[axis] * window.stride[axis] + tap[axis] * window.dilation[axis] - window.pad_before[axis]
                place[axis], rest = divmod(at, window.input_dilation[axis])
                inside &= rest == 0 and 0 <= place[axis] < x.shape[axis]
            values = x[place[0], place[1], first : first + width] if inside else np.full(width, pad_value)
            acc[position] += int(values @ weight[position[2], tap[0], tap[1]])
    return acc


@given(
    data=st.data(), dtype=activation_types, rows=st.integers(1, 6), columns=st.integers(1, 6), groups=st.integers(1, 3),
    width=st.integers(1, 3), per_group=st.integers(1, 2), pad_value=st.integers(-128, 127),
)  # fmt: skip
def test_a_convolution_is_its_definition(
    data: st.DataObject, dtype: str, rows: int, columns: int, groups: int, width: int, per_group: int, pad_value: int
) -> None:
    """Any window, padding on any side, inputs apart from each other, groups."""
    window = data.draw(windows((rows, columns)))
    x = data.draw(tensors(dtype, rows, columns, groups * width))
    weight = data.draw(weights(groups * per_group, *window.size, width))
    found = conv2d_products(x[None], weight, window, pad_value=pad_value, groups=groups)[0]
    np.testing.assert_array_equal(by_definition(x, weight, window, pad_value, groups), found)


@given(data=st.data(), zero_point=st.integers(-128, 127))
def test_padding_reads_as_real_zero(data: st.DataObject, zero_point: int) -> None:
    """The zero point folded into the bias makes a padded frame contribute nothing, at the edges too."""
    weight, scale = data.draw(weights(2, 4, 2, 3)), np.array([0.01, 0.02])
    x = QParams(dtype="int8", scale=0.5, zero_point=zero_point)
    p = accumulator_parameters(weight, scale, None, x, QParams(dtype="int16", scale=0.01), "conv")
    window = Window(size=(4, 2), pad_before=(3, 1), pad_after=(2, 1), input_dilation=(2, 1))
    frames = np.full((1, 5, 4, 3), zero_point)
    acc = conv2d_products(frames, weight, window, pad_value=zero_point, groups=1) + p.bias
    assert np.all(acc == 0)
