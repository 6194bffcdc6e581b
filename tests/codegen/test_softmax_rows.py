"""Softmax of rows of int8 gives the bytes of its twin on cores with and without DSP."""

import numpy as np
import pytest
from graph_maker import TRUTH, GraphMaker
from kernel_library import kernel_files
from on_cores import CORES, check_on_core, hostile_inputs, run_on_core

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory

PROBABILITY = QParams(dtype="int8", scale=1 / 256, zero_point=-128)


def rows() -> Graph:
    """Return softmax of rows of many widths and scales, with truth values and to int16 too."""
    maker = GraphMaker("rows", seed=2)
    outputs = []
    for i, width in enumerate((1, 3, 4, 6, 13, 64)):
        x = maker.input(f"x{width}", 5, width, qparams=QParams(dtype="int8", scale=(0.002, 0.06, 1.0)[i % 3]))
        seen = maker.input(f"seen{width}", 5, width, qparams=TRUTH)
        outputs += [
            maker.softmax(x, y=PROBABILITY), maker.softmax(x, y=QParams(dtype="int8", scale=2.0**-5)),
            maker.softmax(x, seen, PROBABILITY), maker.softmax(x),
        ]  # fmt: skip
    return maker.graph(*outputs)


@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str) -> None:
    """Flat, usual and peaked rows; random and extreme values."""
    graph = rows()
    check_on_core(graph, core)


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("dsp.h", "ssub8 %0, %1, %2", "ssub8 %0, %2, %1"),
        ("softmax.h", "largest_bytes(peaks, peaks >> 16)", "largest_bytes(peaks, peaks >> 8)"),
        ("dsp.h", '"smmla %0', '"smmlar %0'),
    ],
    ids=["smallest", "a byte forgotten", "rounding"],
)
def test_a_fault_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that finds another peak, or rounds in another way, is told from the twin."""
    assert kernel_files()[header].count(right) == 1
    graph = rows()
    inputs = hostile_inputs(graph)
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    found = run_on_core("cortex-m4", program, inputs, right=right, wrong=wrong)
    assert any(np.any(expected[name] != actual) for name, actual in zip(graph.outputs, found, strict=True))
