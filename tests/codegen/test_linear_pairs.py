"""The fast linear layer gives the bytes of its plain twin, in its portable form and on cores with and without DSP."""

from dataclasses import replace

import numpy as np
import pytest
from graph_maker import INT8, GraphMaker
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, kernel_files
from strategies import multipliers, shifts, tensors, weights

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics import linear
from smidgen.numerics.row_pairs import row_pair_stream
from smidgen.passes import plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

SIGNATURES = {
    f"linear_{rows}_{ending}": "pppp" + sizes + "ii"
    for rows, sizes in {"row": "uu", "rows": "uuu"}.items()
    for ending in ("s8", "s16", "s8_shifted", "s16_shifted")
}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernels."""
    return Kernels(["linear_pairs.h"], SIGNATURES)


@given(
    data=st.data(), rows=st.integers(1, 5), in_width=st.integers(16, 40), out_width=st.integers(4, 11),
    y_type=st.sampled_from(["int8", "int16"]), shift=st.just(0) | shifts, zero_point=st.integers(-128, 127),
)  # fmt: skip
def test_portable_kernels_equal_their_twin(
    kernels: Kernels, data: st.DataObject, rows: int, in_width: int, out_width: int, y_type: str, shift: int,
    zero_point: int,
) -> None:  # fmt: skip
    """Every width, odd or even, and every requantisation."""
    x, weight = data.draw(tensors("int8", rows, in_width)), data.draw(weights(out_width, in_width))
    bias = np.array([data.draw(st.integers(-(2**30), 2**30)) for _ in range(out_width)])
    multiplier = np.array([data.draw(multipliers) for _ in range(out_width)])
    zero_point = zero_point if y_type == "int8" else 0
    expected = linear.finish_accumulator(
        linear.dot_products(x, weight), bias, multiplier, shift, zero_point, y_type
    ).astype(y_type)
    y = np.full(expected.shape, -1, y_type)
    kernels(
        f"linear_{'row' if rows == 1 else 'rows'}_s{8 * y.itemsize}{'_shifted' if shift else ''}",
        np.ascontiguousarray(x, np.int8), row_pair_stream(weight, bias, multiplier, rows), y, np.zeros(1, np.int32),
        *((rows,) if rows > 1 else ()), in_width, out_width, shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, y)


def layers(*, extreme: bool) -> Graph:
    """Return layers of one, two, three and five rows and of odd widths side by side; extreme: weights of +-127 only."""
    maker = GraphMaker("pairs", seed=4)
    outputs = []
    for rows, in_width, out_width in ((1, 64, 64), (1, 19, 7), (2, 16, 4), (3, 33, 5), (5, 18, 9)):
        x = maker.input(f"x{rows}_{in_width}", rows, in_width)
        outputs += [maker.linear(x, out_width), maker.linear(x, out_width, replace(INT8, scale=2.0**-13))]
    graph = maker.graph(*outputs)
    if not extreme:
        return graph
    random = np.random.default_rng(0)
    ops = tuple(
        replace(
            op, params={**op.params, "weight": random.choice([-127, 127], op.params["weight"].shape).astype(np.int8)}
        )
        for op in graph.ops
    )
    return replace(graph, ops=ops)


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "extreme"])
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33", "cortex-m3", "cortex-m0plus", "rv32imc"])
def test_cores_equal_the_reference(core: str, extreme: bool) -> None:
    """Random and extreme inputs and weights; also where a requantisation has a shift."""
    graph = layers(extreme=extreme)
    assert {op.attrs["shift"] == 0 for op in graph.ops} == {True, False}
    random = np.random.default_rng(1)
    inputs = []
    for shape in (graph[name].shape for name in graph.inputs):
        drawn = random.integers(-128, 128, (3, *shape)), random.choice([-128, 127], (3, *shape))
        inputs.append(np.concatenate([*drawn, np.full((1, *shape), -128)]).astype(np.int8))
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    assert program.files["pairs_kernels.h"].count("linear_q(") == 0
    target = replace(find_target(core), ram_bytes=1 << 20, flash_bytes=1 << 20)
    found = Emulator(build_image(program, target), program).run(inputs)
    for name, actual in zip(graph.outputs, found, strict=True):
        np.testing.assert_array_equal(expected[name], actual)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (">> 8;", ">> 7;"),
        ("? (count - block) : begin", "? begin : begin"),
        ("rest[(2U * p) + (i % 2U)]", "rest[2U * p]"),
    ],
    ids=["high row", "overlap", "odd columns"],
)
def test_a_fault_is_caught(right: str, wrong: str) -> None:
    """A kernel that takes the sums apart, blocks or ends in another way is told apart."""
    source = kernel_files()["linear_pairs.h"]
    assert source.count(right) == 1
    faulty = Kernels(["linear_pairs.h"], SIGNATURES, {**kernel_files(), "linear_pairs.h": source.replace(right, wrong)})
    random = np.random.default_rng(0)
    x, weight = random.integers(-128, 128, (2, 19)), random.integers(-127, 128, (5, 19))
    bias, multiplier = random.integers(-5000, 5000, 5), random.integers(2**23, 2**25, 5)
    expected = linear.finish_accumulator(linear.dot_products(x, weight), bias, multiplier, 0, 0, "int8")
    y = np.zeros((2, 8), np.int8)  # with room for what the second fault writes behind the last row
    stream = row_pair_stream(weight, bias, multiplier, 2)
    faulty("linear_rows_s8", x.astype(np.int8), stream, y, np.zeros(1, np.int32), 2, 19, 5, 0, 0)
    assert not np.array_equal(expected, y.reshape(-1)[:10].reshape(2, 5))
