"""The fast depthwise convolution gives the bytes of its plain twin, in its portable form and on every core."""

import numpy as np
import pytest
from graph_maker import INT8, INT16, GraphMaker
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, bits, kernel_files, narrow
from on_cores import CORES, check_on_core, with_extreme_weights
from strategies import accumulator_constants, activation_types, shifts, tensors, weights, windows, zero_point_of

from smidgen.ir import Graph
from smidgen.numerics import convolution, linear
from smidgen.numerics.depthwise import depthwise_stream
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window

SIGNATURES = {"depthwise_q": "ppppuuuuuuuuuuuuuuuuiii"}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernel."""
    return Kernels(["depthwise.h"], SIGNATURES)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, n=st.integers(1, 2), rows=st.integers(1, 7),
    columns=st.integers(1, 7), channels=st.integers(4, 9), shift=shifts,
)  # fmt: skip
def test_the_portable_kernel_equals_its_twin(
    kernels: Kernels, data: st.DataObject, x_type: str, y_type: str, n: int, rows: int, columns: int, channels: int,
    shift: int,
) -> None:  # fmt: skip
    """Every window, with padding on any side, and every requantisation."""
    window = data.draw(windows((rows, columns), spread=False))
    x, weight = data.draw(tensors(x_type, n, rows, columns, channels)), data.draw(weights(channels, *window.size, 1))
    bias, multiplier = accumulator_constants(data.draw, channels)
    pad_value, zero_point = zero_point_of(data.draw, x_type), zero_point_of(data.draw, y_type)
    acc = convolution.conv2d_products(x, weight, window, pad_value=pad_value, groups=channels)
    expected = linear.finish_accumulator(acc, bias, multiplier, shift, zero_point, y_type)
    actual = np.full(expected.shape, -1, y_type)
    kernels(
        "depthwise_q", narrow(x, x_type), depthwise_stream(weight.reshape(channels, -1), bias, multiplier, x_type),
        actual, np.zeros(window.size[0] * window.size[1], np.int32), *x.shape, *expected.shape[1:3], *window.size,
        *window.pad_before, *window.stride, *window.dilation, *bits(x_type, y_type), pad_value, shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


def convolutions() -> Graph:
    """Return convolutions over time and over images, padded and strided, in and out of int8 and int16."""
    maker = GraphMaker("depthwise", seed=4)
    over_time = Window(size=(4, 1), pad_before=(3, 0), dilation=(2, 1))
    over_image = Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1), stride=(1, 2))
    outputs = []
    for x_qparams in (INT8, INT16):
        sequence = maker.input(f"sequence_{x_qparams.dtype}", 9, 8, qparams=x_qparams)
        image = maker.input(f"image_{x_qparams.dtype}", 5, 4, 7, qparams=x_qparams)
        for y in (INT8, QParams(dtype="int16", scale=2.0**-13)):
            outputs.append(maker.conv2d(sequence, 8, over_time, groups=8, y=y))
            outputs.append(maker.conv2d(image, 7, over_image, groups=7, y=y))
    return maker.graph(*outputs)


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "extreme"])
@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str, extreme: bool) -> None:
    """Random and extreme inputs and weights, at borders and within, of even and odd numbers of channels and taps."""
    graph = with_extreme_weights(convolutions()) if extreme else convolutions()
    assert "conv2d_q(" not in check_on_core(graph, core).files["depthwise_kernels.h"]


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("placed_window.h", "(row < w->rows_in)", "(row <= w->rows_in)"),
        ("depthwise.h", "? (channels - 4U) : begin", "? begin : begin"),
        ("depthwise.h", "(int32_t)weight[1] >> 16", "(int32_t)weight[0] >> 16"),
    ],
    ids=["border", "overlap", "weights"],
)
def test_a_fault_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that reads behind the border, other channels or other weights is told apart."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    faulty = Kernels(["depthwise.h"], SIGNATURES, {**kernel_files(), header: source.replace(right, wrong)})
    random, window = np.random.default_rng(0), Window(size=(3, 1), pad_before=(1, 0), pad_after=(1, 0))
    x, weight = random.integers(-128, 128, (1, 6, 1, 6)), random.integers(-127, 128, (6, 3, 1, 1))
    bias, multiplier = random.integers(-5000, 5000, 6), random.integers(2**23, 2**25, 6)
    acc = convolution.conv2d_products(x, weight, window, pad_value=3, groups=6)
    expected = linear.finish_accumulator(acc, bias, multiplier, 0, 0, "int8")
    y = np.zeros(44, np.int8)  # with room for what a fault writes behind the last frame
    room = np.concatenate([x.reshape(-1), np.full(8, 77)]).astype(np.int8)
    faulty(
        "depthwise_q", room, depthwise_stream(weight.reshape(6, -1), bias, multiplier, "int8"), y,
        np.zeros(3, np.int32), 1, 6, 1, 6, 6, 1, 3, 1, 1, 0, 1, 1, 1, 1, 8, 8, 3, 0, 0,
    )  # fmt: skip
    assert not np.array_equal(expected.reshape(-1), y[:36])
