"""Linear layers and convolutions in integers: the real number they stand for, rounded once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors, weights

from smidgen.errors import GraphError
from smidgen.numerics.linear import accumulator_parameters, conv1d_products, dot_products, finish_accumulator
from smidgen.numerics.quantization import QParams

sizes = st.integers(1, 9)


@given(data=st.data(), dtype_x=activation_types, dtype_y=activation_types, rows=sizes, k=st.integers(1, 40), o=sizes)
def test_linear_is_rounded_once(data: st.DataObject, dtype_x: str, dtype_y: str, rows: int, k: int, o: int) -> None:
    """Against float64 on the same integers: half a step, half an accumulator's step of bias, the multiplier's error."""
    x_qparams = data.draw(qparams(dtype_x, low=-10.0, high=-2.0))
    y_qparams = data.draw(qparams(dtype_y, low=-10.0, high=-2.0))
    x, weight = data.draw(tensors(dtype_x, rows, k)), data.draw(weights(o, k))
    random = np.random.default_rng(rows * k * o)
    scale, bias = 2.0 ** random.uniform(-12, -8, o), random.normal(size=o)
    p = accumulator_parameters(weight, scale, bias, x_qparams, y_qparams, "layer")
    y = finish_accumulator(dot_products(x, weight), p.bias, p.multiplier, p.shift, y_qparams.zero_point, dtype_y)

    real = x_qparams.dequantize(x) @ (weight * scale[:, None]).T + bias
    exact = real / y_qparams.scale + y_qparams.zero_point
    acc_scale = scale * x_qparams.scale / y_qparams.scale
    tolerance = 0.5 + 0.5 * acc_scale + p.accumulator_bound * 2.0 ** (p.shift - 33) + 1e-6
    low, high = (-128, 127) if dtype_y == "int8" else (-32767, 32767)
    assert np.all(np.abs(y - np.clip(exact, low, high)) <= tolerance)


@given(
    data=st.data(), dtype=activation_types, steps=st.integers(1, 9), groups=st.integers(1, 3), group_width=sizes,
    per_group=st.integers(1, 3), taps=st.integers(1, 4), dilation=st.integers(1, 3), stride=st.integers(1, 3),
    left=st.integers(0, 6), right=st.integers(0, 6), pad_value=st.integers(-128, 127),
)  # fmt: skip
def test_conv1d_is_its_definition(
    data: st.DataObject, dtype: str, steps: int, groups: int, group_width: int, per_group: int, taps: int,
    dilation: int, stride: int, left: int, right: int, pad_value: int,
) -> None:  # fmt: skip
    """Every output is the plain sum over taps and channels of its group, frames outside reading as the padding."""
    left += max(0, dilation * (taps - 1) + 1 - steps - left - right)
    x = data.draw(tensors(dtype, steps, groups * group_width))
    weight = data.draw(weights(groups * per_group, group_width, taps))
    found = conv1d_products(
        x[None], weight, pad=(left, right), pad_value=pad_value, stride=stride, dilation=dilation, groups=groups
    )[0]
    for t, row in enumerate(found):
        for o, value in enumerate(row):
            first = o // per_group * group_width
            total = 0
            for tap in range(taps):
                step = t * stride + tap * dilation - left
                frame = x[step] if 0 <= step < steps else np.full(x.shape[1], pad_value)
                total += int(frame[first : first + group_width] @ weight[o, :, tap])
            assert total == value


@given(data=st.data(), zero_point=st.integers(-128, 127))
def test_padding_reads_as_real_zero(data: st.DataObject, zero_point: int) -> None:
    """The zero point folded into the bias makes a padded frame contribute nothing, at the edges too."""
    weight, scale = data.draw(weights(2, 3, 4)), np.array([0.01, 0.02])
    x = QParams(dtype="int8", scale=0.5, zero_point=zero_point)
    p = accumulator_parameters(weight, scale, None, x, QParams(dtype="int16", scale=0.01), "conv")
    frames = np.full((1, 5, 3), zero_point)
    acc = conv1d_products(frames, weight, pad=(3, 2), pad_value=zero_point, stride=1, dilation=1, groups=1) + p.bias
    assert np.all(acc == 0)


def test_an_accumulator_that_may_overflow_is_refused() -> None:
    """520 int16 inputs under weights of 127 exceed 31 bits: the layer is named, and what helps."""
    weight = np.full((1, 520), 127)
    x, y = QParams(dtype="int16", scale=1.0), QParams(dtype="int16", scale=100.0)
    with pytest.raises(GraphError, match="wide: the accumulator can reach 2163932680"):
        accumulator_parameters(weight, np.ones(1), None, x, y, "wide")
    assert (
        accumulator_parameters(weight[:, :500], np.ones(1), None, x, y, "wide").accumulator_bound == 500 * 127 * 32767
    )
