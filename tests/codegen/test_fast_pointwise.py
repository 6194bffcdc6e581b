"""The fast forms of sums, products and tables of int8 give the bytes of their twins on cores with and without DSP."""

import numpy as np
import pytest
from graph_maker import GraphMaker
from kernel_library import kernel_files
from on_cores import CORES, check_on_core, hostile_inputs, run_on_core

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory


def int8(scale: float, zero_point: int) -> QParams:
    """Return parameters of an int8 tensor."""
    return QParams(dtype="int8", scale=scale, zero_point=zero_point)


def pointwise_graph() -> Graph:
    """Return sums, products and tables of as many elements as blocks and their rests need, in many scales."""
    maker = GraphMaker("pointwise", seed=1)
    outputs = []
    for count in (1, 3, 4, 21, 64, 67):
        a = maker.input(f"a{count}", count, qparams=int8(0.031, -3 if count % 2 else -128))
        b = maker.input(f"b{count}", count, qparams=int8(0.02 * count, 127 if count % 2 else 5))
        outputs += [
            maker.binary("add", a, b, int8(0.04 * count, -7)), maker.binary("add", a, b, int8(0.002, 100)),
            maker.binary("mul", a, b, int8(0.01 * count, 11)), maker.binary("mul", a, b, int8(2.0**-9, -128)),
            maker.table(a, int8(2.0**-7, 3)),
        ]  # fmt: skip
    return maker.graph(*outputs)


@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str) -> None:
    """Random and extreme inputs; scales of both kinds, those of the fast forms and others."""
    graph = pointwise_graph()
    assert {op.attrs["shift"] == 16 for op in graph.ops if op.kind == "add"} == {True, False}
    assert {op.attrs["shift"] == 0 for op in graph.ops if op.kind == "mul"} == {True, False}
    check_on_core(graph, core)


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("dsp.h", "^ 0x80808080U", "^ 0x80808000U"),
        ("dsp.h", "smmlar", "smmla"),
        ("elementwise.h", "offset + (128 << 16)", "offset + (127 << 16)"),
        ("table.h", '%[c], lsl #16', '%[c], lsl #8'),
    ],
    ids=["sign", "rounding", "bias", "place"],
)  # fmt: skip
def test_a_fault_in_the_fast_form_is_caught(header: str, right: str, wrong: str) -> None:
    """A DSP form that puts bytes together, rounds or saturates in another way is told from the twin."""
    assert kernel_files()[header].count(right) == 1
    graph = pointwise_graph()
    inputs = hostile_inputs(graph)
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    found = run_on_core("cortex-m4", program, inputs, right=right, wrong=wrong)
    assert any(np.any(expected[name] != actual) for name, actual in zip(graph.outputs, found, strict=True))
