"""The kernels of convolutions and poolings, compiled for this machine, give the bytes of their numpy twins."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import (
    Integers,
    accumulator_constants,
    activation_types,
    float_tensors,
    multipliers,
    shifts,
    tensors,
    weights,
    windows,
    zero_point_of,
)

from smidgen.numerics import convolution, float32, linear, pooling
from smidgen.numerics.window import Window

Run = Callable[..., Integers]

PLACE = "uuuuuuuu"  # size, padding in front, stride, dilation
SIGNATURES = {
    "conv2d_q": f"pppppuuuuuuu{PLACE}uuuuuiii",
    "average_pool_q": f"pppuuuuuu{PLACE}uuuiii",
    "max_pool_q": f"ppuuuuuu{PLACE}u",
}
FLOAT_SIGNATURES = {
    "conv2d_f32": f"ppppuuuuuuu{PLACE}uuu",
    "average_pool_f32": f"ppuuuuuu{PLACE}u",
    "max_pool_f32": f"ppuuuuuu{PLACE}",
}

lengths = st.integers(1, 7)
images = st.integers(1, 2)
few = st.integers(1, 3)


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernels as they are shipped."""
    return integer_caller(Kernels(["conv2d.h", "pool.h"], SIGNATURES))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernels as they are shipped."""
    return float_caller(Kernels(["conv2d_f32.h", "pool_f32.h"], FLOAT_SIGNATURES))


def placed(window: Window) -> list[int]:
    """Return a window as the kernels take it."""
    return [*window.size, *window.pad_before, *window.stride, *window.dilation]


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, n=images, rows=lengths, columns=lengths,
    groups=few, width=few, per_group=few, shift=shifts,
)  # fmt: skip
def test_conv2d(
    run: Run, data: st.DataObject, x_type: str, y_type: str, n: int, rows: int, columns: int, groups: int, width: int,
    per_group: int, shift: int,
) -> None:  # fmt: skip
    """conv2d_q equals its twin for every window, groups, images, inputs apart from each other, padding on any side."""
    window = data.draw(windows((rows, columns)))
    channels, outputs = groups * width, groups * per_group
    x, weight = data.draw(tensors(x_type, n, rows, columns, channels)), data.draw(weights(outputs, *window.size, width))
    bias, multiplier = accumulator_constants(data.draw, outputs)
    pad_value, zero_point = zero_point_of(data.draw, x_type), zero_point_of(data.draw, y_type)
    acc = convolution.conv2d_products(x, weight, window, pad_value=pad_value, groups=groups)
    expected = linear.finish_accumulator(acc, bias, multiplier, shift, zero_point, y_type)
    actual = run(
        "conv2d_q", expected.shape, y_type, narrow(x, x_type), narrow(weight, "int8"), narrow(bias, "int32"),
        narrow(multiplier, "int32"), None, *x.shape, *expected.shape[1:], *placed(window), *window.input_dilation,
        groups, *bits(x_type, y_type), pad_value, shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, n=images, rows=lengths, columns=lengths,
    channels=few, count_padding=st.booleans(), shift=shifts,
)  # fmt: skip
def test_average_pool(
    run: Run, data: st.DataObject, x_type: str, y_type: str, n: int, rows: int, columns: int, channels: int,
    count_padding: bool, shift: int,
) -> None:  # fmt: skip
    """average_pool_q equals its twin for every window, multiplier and shift, padding counted or not."""
    window = data.draw(windows((rows, columns), spread=False))
    x = data.draw(tensors(x_type, n, rows, columns, channels))
    taps = 1 if count_padding else window.size[0] * window.size[1]
    multiplier = np.array([data.draw(multipliers) for _ in range(taps)])
    zeros = tuple(zero_point_of(data.draw, dtype) for dtype in (x_type, y_type))
    expected = pooling.average_pool(
        x, window, multiplier=multiplier, shift=shift, count_padding=count_padding, zero_points=zeros, dtype=y_type
    )
    actual = run(
        "average_pool_q", expected.shape, y_type, narrow(x, x_type), narrow(multiplier, "int32"), None, *x.shape[:3],
        *expected.shape[1:], *placed(window), count_padding, *bits(x_type, y_type), *zeros, shift,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(data=st.data(), dtype=activation_types, n=images, rows=lengths, columns=lengths, channels=few)
def test_max_pool(run: Run, data: st.DataObject, dtype: str, n: int, rows: int, columns: int, channels: int) -> None:
    """max_pool_q equals its twin for every window; padding is never the largest."""
    window = data.draw(windows((rows, columns), spread=False))
    x = data.draw(tensors(dtype, n, rows, columns, channels))
    expected = pooling.max_pool(x, window)
    actual = run(
        "max_pool_q", expected.shape, dtype, narrow(x, dtype), None, *x.shape[:3], *expected.shape[1:],
        *placed(window), *bits(dtype),
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(data=st.data(), n=images, rows=lengths, columns=lengths, groups=few, width=few, per_group=few)
def test_float_conv2d(
    run_float: Run, data: st.DataObject, n: int, rows: int, columns: int, groups: int, width: int, per_group: int
) -> None:
    """conv2d_f32 skips the padding that its twin multiplies, without a difference in any bit."""
    window = data.draw(windows((rows, columns)))
    x, bias = data.draw(float_tensors(n, rows, columns, groups * width)), data.draw(float_tensors(groups * per_group))
    weight = data.draw(float_tensors(groups * per_group, *window.size, width))
    expected = float32.conv2d(x, weight, bias, window, groups=groups)
    actual = run_float(
        "conv2d_f32", expected.shape, x, weight, bias, None, *x.shape, *expected.shape[1:], *placed(window),
        *window.input_dilation, groups,
    )  # fmt: skip
    assert_same_floats(expected, actual)


@given(data=st.data(), n=images, rows=lengths, columns=lengths, channels=few, count_padding=st.booleans())
def test_float_pools(
    run_float: Run, data: st.DataObject, n: int, rows: int, columns: int, channels: int, count_padding: bool
) -> None:
    """average_pool_f32 sums in order and divides once; max_pool_f32 finds the first maximum."""
    window = data.draw(windows((rows, columns), spread=False))
    x = data.draw(float_tensors(n, rows, columns, channels))
    mean, largest = float32.average_pool(x, window, count_padding=count_padding), float32.max_pool(x, window)
    sizes = (*x.shape[:3], *mean.shape[1:], *placed(window))
    assert_same_floats(mean, run_float("average_pool_f32", mean.shape, x, None, *sizes, count_padding))
    assert_same_floats(largest, run_float("max_pool_f32", mean.shape, x, None, *sizes))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (": pad_value;", ": pad_value - 1;"),
        ("(column / column_spread)) * channels_in;", "column) * channels_in;"),
        ("% rows_out) * row_stride", "% rows_out) + row_stride"),
        (
            "const uint32_t first_channel = (o / group_out) * group_in;",
            "const uint32_t first_channel = group_out * 0U;",
        ),
    ],
    ids=["padding is another number", "inputs side by side", "no stride", "one group"],
)
def test_a_fault_in_conv2d_is_caught(right: str, wrong: str) -> None:
    """A kernel that pads, steps or groups in another way is told apart from its twin."""
    source = kernel_files()["conv2d.h"]
    assert source.count(right) == 1
    faulty = integer_caller(
        Kernels(
            ["conv2d.h"], {"conv2d_q": SIGNATURES["conv2d_q"]},
            {**kernel_files(), "conv2d.h": source.replace(right, wrong)},
        )
    )  # fmt: skip
    random = np.random.default_rng(0)
    x, weight = random.integers(-128, 128, (1, 5, 4, 4)), random.integers(-127, 128, (2, 3, 2, 2))
    window = Window(size=(3, 2), stride=(2, 1), pad_before=(1, 1), pad_after=(1, 0), input_dilation=(1, 2))
    acc = convolution.conv2d_products(x, weight, window, pad_value=9, groups=2)
    bias, multiplier = np.zeros(2, np.int64), np.full(2, 2**24)
    expected = linear.finish_accumulator(acc, bias, multiplier, 0, 0, "int8")
    actual = faulty(
        "conv2d_q", expected.shape, "int8", narrow(x, "int8"), narrow(weight, "int8"), narrow(bias, "int32"),
        narrow(multiplier, "int32"), None, *x.shape, *expected.shape[1:], *placed(window), *window.input_dilation, 2, 8,
        8, 9, 0, 0,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
