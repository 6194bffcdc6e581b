"""Linear layers of 4-bit codes give the bytes of their plain twin, in portable form and on every core."""

from dataclasses import replace

import numpy as np
import pytest
from graph_maker import INT8, INT16, GraphMaker
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, kernel_files
from on_cores import CORES, check_on_core, hostile_inputs, run_on_core, with_extreme_weights
from strategies import accumulator_constants, shifts, tensors

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics import linear
from smidgen.numerics.nibble_blocks import level_pairs, nibble_stream
from smidgen.numerics.nibbles import INT4_LEVELS
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory

FORMS = ("int4", "palette")

_ENDINGS = [f"{x}_{y}{shift}" for x in ("s8", "s16") for y in ("s8", "s16") for shift in ("", "_shifted")]
SIGNATURES = {f"linear_int4_{ending}": "ppppuuuii" for ending in _ENDINGS} | {
    f"linear_palette_{ending}": "pppppuuuii" for ending in _ENDINGS
}


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The portable kernels."""
    return Kernels(["linear_nibbles.h"], SIGNATURES)


@given(
    data=st.data(), form=st.sampled_from(FORMS), rows=st.integers(1, 3), in_width=st.integers(16, 23),
    out_width=st.integers(4, 9), x_type=st.sampled_from(["int8", "int16"]), y_type=st.sampled_from(["int8", "int16"]),
    shift=st.just(0) | shifts, zero_point=st.integers(-128, 127),
)  # fmt: skip
def test_portable_kernels_equal_their_twin(
    kernels: Kernels, data: st.DataObject, form: str, rows: int, in_width: int, out_width: int, x_type: str,
    y_type: str, shift: int, zero_point: int,
) -> None:  # fmt: skip
    """Every width, every mix of types and every requantisation."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    levels = INT4_LEVELS if form == "int4" else random.integers(-127, 128, 16).astype(np.int8)
    codes = random.choice([7, 9] if data.draw(st.booleans()) else [*range(8), *range(9, 16)], (out_width, in_width))
    x = data.draw(tensors(x_type, rows, in_width))
    bias, multiplier = accumulator_constants(data.draw, out_width)
    zero_point = zero_point if y_type == "int8" else 0
    expected = linear.finish_accumulator(
        linear.dot_products(x, levels.astype(np.int64)[codes]), bias, multiplier, shift, zero_point, y_type
    ).astype(y_type)
    y = np.full(expected.shape, -1, y_type)
    stream = nibble_stream(codes, bias, multiplier, x_type, is_palette=form == "palette")
    kernels(
        f"linear_{form}_s{x_type[3:]}_s{y_type[3:]}{'_shifted' if shift else ''}",
        np.ascontiguousarray(x, x_type), stream,
        *([level_pairs(levels)] if form == "palette" else []), y, np.zeros(1, np.int32), rows, in_width, out_width,
        shift, zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, y)


def layers(form: str) -> Graph:
    """Return layers of several widths and types side by side, small ones too, with and without a shift."""
    maker = GraphMaker(form, seed=4)
    outputs = []
    wide = {"int8": replace(INT8, scale=2.0**-13), "int16": QParams(dtype="int16", scale=2.0**-13)}
    for index, shape in enumerate(((1, 64, 16), (3, 19, 7), (2, 34, 5), (1, 17, 4), (2, 7, 3), (1, 16, 1))):
        rows, in_width, out_width = shape
        for qparams, y in ((INT8, INT16), (INT16, INT8)) if index % 2 else ((INT8, INT8), (INT16, INT16)):
            x = maker.input(f"x{rows}_{in_width}_{qparams.dtype}", rows, in_width, qparams=qparams)
            outputs += [maker.linear(x, out_width, scaled, form=form) for scaled in (y, wide[y.dtype])]
    return maker.graph(*outputs)


@pytest.mark.parametrize("extreme", [False, True], ids=["random", "extreme"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str, form: str, extreme: bool) -> None:
    """Random and extreme inputs and weights, of an even and an odd number of columns."""
    graph = with_extreme_weights(layers(form)) if extreme else layers(form)
    assert {op.attrs["shift"] == 0 for op in graph.ops} == {True, False}
    kernels = check_on_core(graph, core).files[f"{form}_kernels.h"]
    assert "linear_packed_q(" in kernels
    assert f"linear_{form}_" in kernels


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("int4", "0x08880888U : 0x88888888U", "0x88888888U : 0x88888888U"),
        ("int4", "(columns > 2U) ? load_q(x, at + 2U, x_bits) : 0", "0"),
        ("palette", ">> (8U * i)) & 0xFFU", ">> (8U * i)) & 0x7FU"),
        ("palette", "block_start(begin, 4U, out_width)", "begin"),
    ],
    ids=["row d", "odd columns", "pairs", "overlap"],
)
def test_a_fault_is_caught(form: str, right: str, wrong: str) -> None:
    """A portable kernel that reads other digits, columns, levels or blocks is told apart."""
    before, portable = kernel_files()["linear_nibbles.h"].split("#else")
    assert right in portable
    source = f"{before}#else{portable.replace(right, wrong)}"
    faulty = Kernels(["linear_nibbles.h"], SIGNATURES, {**kernel_files(), "linear_nibbles.h": source})
    random = np.random.default_rng(0)
    levels = INT4_LEVELS if form == "int4" else random.integers(-127, 128, 16).astype(np.int8)
    x, codes = random.integers(-128, 128, (1, 19)), random.choice([*range(8), *range(9, 16)], (6, 19))
    bias, multiplier = random.integers(-500, 500, 6), random.integers(2**25, 2**26, 6)
    expected = linear.finish_accumulator(
        linear.dot_products(x, levels.astype(np.int64)[codes]), bias, multiplier, 0, 0, "int16"
    )
    y = np.zeros((1, 8), np.int16)  # with room for what the last fault writes behind the row
    stream = nibble_stream(codes, bias, multiplier, "int8", is_palette=form == "palette")
    pairs = [level_pairs(levels)] if form == "palette" else []
    faulty(f"linear_{form}_s8_s16", x.astype(np.int8), stream, *pairs, y, np.zeros(1, np.int32), 1, 19, 6, 0, 0)
    assert not np.array_equal(expected, y[:, :6])


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("int4", "acc[0]) >> 12)", "acc[0]) >> 11)"),
        ("int4", "sum * 8U", "sum * 4U"),
        ("palette", "o + out_width + 1U, requantize(acc[3]", "o + out_width + 1U, requantize(acc[2]"),
    ],
    ids=["row d", "offset", "second row"],
)
def test_a_fault_on_a_core_with_dsp_is_caught(form: str, right: str, wrong: str) -> None:
    """What is taken apart behind the loops, and the second of two rows, are held by the bytes of a Cortex-M4."""
    graph = layers(form)
    inputs = hostile_inputs(graph)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    assert program.files[f"{form}_kernels.h"].count(right) == 1
    expected = interpret(graph, inputs)
    found = run_on_core("cortex-m4", program, inputs, right=right, wrong=wrong)
    pairs = zip(graph.outputs, found, strict=True)
    assert any(not np.array_equal(expected[name], actual) for name, actual in pairs)
