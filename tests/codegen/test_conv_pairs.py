"""The fast convolution of one group gives the bytes of its plain twin, in its portable form and on every core."""

import numpy as np
import pytest
from graph_maker import INT8, GraphMaker
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, bits, kernel_files, narrow
from on_cores import CORES, check_on_core, with_extreme_weights
from strategies import accumulator_constants, activation_types, shifts, tensors, weights, windows, zero_point_of

from smidgen.ir import Graph
from smidgen.numerics import convolution, linear
from smidgen.numerics.quantization import QParams
from smidgen.numerics.row_pairs import row_pair_stream
from smidgen.numerics.window import Window

SIGNATURES = {"conv_pairs": "ppppuuuuuuuuuuuuuuuuiii"}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernel."""
    return Kernels(["conv_pairs.h"], SIGNATURES)


@given(
    data=st.data(), y_type=activation_types, n=st.integers(1, 2), rows=st.integers(1, 6), columns=st.integers(1, 6),
    out_width=st.integers(4, 7), shift=shifts,
)  # fmt: skip
def test_the_portable_kernel_equals_its_twin(
    kernels: Kernels, data: st.DataObject, y_type: str, n: int, rows: int, columns: int, out_width: int, shift: int
) -> None:
    """Every window, with padding on any side, for one output and for many, and every requantisation."""
    window = data.draw(windows((rows, columns), spread=False))
    channels = 16
    x, weight = (
        data.draw(tensors("int8", n, rows, columns, channels)),
        data.draw(weights(out_width, *window.size, channels)),
    )
    bias, multiplier = accumulator_constants(data.draw, out_width)
    pad_value, zero_point = zero_point_of(data.draw, "int8"), zero_point_of(data.draw, y_type)
    acc = convolution.conv2d_products(x, weight, window, pad_value=pad_value, groups=1)
    expected = linear.finish_accumulator(acc, bias, multiplier, shift, zero_point, y_type)
    actual, outputs = np.full(expected.shape, -1, y_type), expected.size // out_width
    matrix = weight.reshape(out_width, -1)
    kernels(
        "conv_pairs", narrow(x, "int8"), row_pair_stream(matrix, bias, multiplier, outputs), actual,
        np.zeros(2 * matrix.shape[1] + channels, np.int16), *x.shape, *expected.shape[1:], *window.size,
        *window.pad_before, *window.stride, *window.dilation, *bits(y_type), pad_value, shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


def convolutions() -> Graph:
    """Return convolutions over time and over images, padded, strided and dilated, of one output, and of odd numbers."""
    maker = GraphMaker("convolutions", seed=4)
    sequence, image = maker.input("sequence", 9, 8), maker.input("image", 5, 3, 4)
    over_time = Window(size=(4, 1), pad_before=(3, 0), dilation=(2, 1), stride=(2, 1))
    over_image = Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1))
    outputs = []
    for y in (INT8, QParams(dtype="int16", scale=2.0**-13)):
        outputs.append(maker.conv2d(sequence, 7, over_time, y=y))
        outputs.append(maker.conv2d(sequence, 6, Window(size=(9, 1)), y=y))
        outputs.append(maker.conv2d(image, 5, over_image, y=y))
    return maker.graph(*outputs)


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "extreme"])
@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str, extreme: bool) -> None:
    """Random and extreme inputs and weights, at borders and within."""
    graph = with_extreme_weights(convolutions()) if extreme else convolutions()
    assert "conv2d_q(" not in check_on_core(graph, core).files["convolutions_kernels.h"]


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("placed_window.h", "(column < w->columns_in)", "(column <= w->columns_in)"),
        ("conv_pairs.h", "padding[c] = (int8_t)pad_value", "padding[c] = (int8_t)(pad_value - 1)"),
        ("conv_pairs.h", "n % window->tap_columns)", "n / window->tap_columns)"),
    ],
    ids=["border", "padding", "taps"],
)
def test_a_fault_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that reads behind the border, other padding or other taps is told apart."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    faulty = Kernels(["conv_pairs.h"], SIGNATURES, {**kernel_files(), header: source.replace(right, wrong)})
    random, window = np.random.default_rng(0), Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1))
    x, weight = random.integers(-128, 128, (1, 5, 4, 4)), random.integers(-127, 128, (6, 3, 3, 4))
    bias, multiplier = random.integers(-5000, 5000, 6), random.integers(2**23, 2**25, 6)
    acc = convolution.conv2d_products(x, weight, window, pad_value=3, groups=1)
    expected = linear.finish_accumulator(acc, bias, multiplier, 0, 0, "int8")
    y = np.zeros(expected.shape, np.int8)
    room = np.concatenate([x.reshape(-1), np.full(8, 77)]).astype(np.int8)
    faulty(
        "conv_pairs", room, row_pair_stream(weight.reshape(6, -1), bias, multiplier, 20), y, np.zeros(80, np.int16),
        1, 5, 4, 4, 5, 4, 6, 3, 3, 1, 1, 1, 1, 1, 1, 8, 3, 0, 0,
    )  # fmt: skip
    assert not np.array_equal(expected, y)
