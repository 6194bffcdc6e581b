"""The fast linear layer on int16 gives the bytes of its plain twin, in its portable form and on every core."""

import numpy as np
import pytest
from graph_maker import INT16, GraphMaker
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, kernel_files
from on_cores import CORES, check_on_core, with_extreme_weights
from strategies import multipliers, shifts, tensors, weights

from smidgen.ir import Graph
from smidgen.numerics import linear
from smidgen.numerics.quantization import QParams
from smidgen.numerics.row_quads import row_quad_stream

SIGNATURES = {f"linear_quads_{ending}": "ppppuuuii" for ending in ("s8", "s16", "s8_shifted", "s16_shifted")}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernels."""
    return Kernels(["linear_quads.h"], SIGNATURES)


@given(
    data=st.data(), rows=st.integers(1, 3), in_width=st.integers(8, 23), out_width=st.integers(4, 9),
    y_type=st.sampled_from(["int8", "int16"]), shift=st.just(0) | shifts, zero_point=st.integers(-128, 127),
)  # fmt: skip
def test_portable_kernels_equal_their_twin(
    kernels: Kernels, data: st.DataObject, rows: int, in_width: int, out_width: int, y_type: str, shift: int,
    zero_point: int,
) -> None:  # fmt: skip
    """Every width and every requantisation."""
    x, weight = data.draw(tensors("int16", rows, in_width)), data.draw(weights(out_width, in_width))
    bias = np.array([data.draw(st.integers(-(2**30), 2**30)) for _ in range(out_width)])
    multiplier = np.array([data.draw(multipliers) for _ in range(out_width)])
    zero_point = zero_point if y_type == "int8" else 0
    expected = linear.finish_accumulator(
        linear.dot_products(x, weight), bias, multiplier, shift, zero_point, y_type
    ).astype(y_type)
    y = np.full(expected.shape, -1, y_type)
    kernels(
        f"linear_quads_s{8 * y.itemsize}{'_shifted' if shift else ''}", np.ascontiguousarray(x, np.int16),
        row_quad_stream(weight, bias, multiplier), y, np.zeros(in_width + 3, np.int16), rows, in_width, out_width,
        shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, y)


def layers() -> Graph:
    """Return layers of several widths side by side, with and without a shift."""
    maker = GraphMaker("quads", seed=4)
    outputs = []
    for rows, in_width, out_width in ((1, 64, 16), (3, 19, 7), (2, 8, 4), (2, 34, 5)):
        x = maker.input(f"x{rows}_{in_width}", rows, in_width, qparams=INT16)
        wide = QParams(dtype="int16", scale=2.0**-13)
        outputs += [maker.linear(x, out_width), maker.linear(x, out_width, wide)]
    return maker.graph(*outputs)


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "extreme"])
@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str, extreme: bool) -> None:
    """Random and extreme inputs and weights, of an even and an odd number of columns."""
    graph = with_extreme_weights(layers()) if extreme else layers()
    assert "linear_q(" not in check_on_core(graph, core).files["quads_kernels.h"]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("(k == 1U) ? 2U", "(k == 1U) ? 1U"), ("? (out_width - 4U) : begin", "? begin : begin"), ("&weight[2]", "weight")],
    ids=["odd columns", "overlap", "rows"],
)
def test_a_fault_is_caught(right: str, wrong: str) -> None:
    """A kernel that reads other columns, blocks or rows is told apart."""
    source = kernel_files()["linear_quads.h"]
    assert source.count(right) == 1
    faulty = Kernels(["linear_quads.h"], SIGNATURES, {**kernel_files(), "linear_quads.h": source.replace(right, wrong)})
    random = np.random.default_rng(0)
    x, weight = random.integers(-9000, 9000, (1, 19)), random.integers(-127, 128, (6, 19))
    bias, multiplier = random.integers(-5000, 5000, 6), random.integers(2**17, 2**18, 6)
    expected = linear.finish_accumulator(linear.dot_products(x, weight), bias, multiplier, 0, 0, "int16")
    y = np.zeros((1, 8), np.int16)  # with room for what the second fault writes behind the last row
    stream = row_quad_stream(weight, bias, multiplier)
    faulty("linear_quads_s16", x.astype(np.int16), stream, y, np.zeros(20, np.int16), 1, 19, 6, 0, 0)
    assert not np.array_equal(expected, y[:, :6])
