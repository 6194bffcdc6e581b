"""Attention of two queries at a time gives the bytes of its twin on cores with and without DSP."""

import numpy as np
import pytest
from graph_maker import GraphMaker
from kernel_library import kernel_files
from on_cores import CORES, check_on_core, hostile_inputs, run_on_core

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory

#: (queries, keys, heads, groups, width, width of values, causal, window, offset)
FORMS = (
    (10, 10, 1, 1, 16, 16, False, 0, 0), (7, 7, 2, 1, 8, 6, True, 0, 0), (5, 9, 4, 2, 16, 4, True, 3, 4),
    (3, 3, 1, 1, 24, 2, True, 1, 0), (2, 2, 2, 2, 8, 2, False, 0, 0), (6, 5, 1, 1, 8, 4, True, 2, 3),
    (4, 33, 2, 2, 32, 10, False, 0, 0), (9, 12, 1, 1, 8, 4, False, 2, 1), (2, 20, 3, 1, 8, 2, True, 0, 18),
)  # fmt: skip


def symmetric(scale: float) -> QParams:
    """Return parameters of a symmetric int8 tensor."""
    return QParams(dtype="int8", scale=scale)


def attentions() -> Graph:
    """Return attention in all forms, with flat rows, usual ones and peaked ones."""
    maker = GraphMaker("attentions", seed=5)
    outputs = []
    for i, (queries, keys, heads, groups, width, v_width, causal, window, offset) in enumerate(FORMS):
        scale = symmetric((0.004, 0.03, 0.3)[i % 3])
        q = maker.input(f"q{i}", queries, heads, width, qparams=scale)
        k = maker.input(f"k{i}", keys, groups, width, qparams=scale)
        v = maker.input(f"v{i}", keys, groups, v_width, qparams=symmetric(0.02))
        y = QParams(dtype="int8", scale=0.015, zero_point=7 * i - 30)
        outputs.append(maker.attention(q, k, v, causal=causal, window=window, offset=offset, y=y))
    return maker.graph(*outputs)


@pytest.mark.parametrize("core", CORES)
def test_cores_equal_the_reference(core: str) -> None:
    """Odd and even queries and keys, spans, shared keys, rows that see nothing; random and extreme values."""
    graph = attentions()
    program = check_on_core(graph, core)
    assert program.files["attentions.c"].count(" attention_pairs_s8(") == len(FORMS)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("sxtb16 r9, r9, ror #8", "sxtb16 r9, r9"),
        ("(count % 2U) != 0U) { /* the last key with", "(count % 2U) > 1U) { /* the last key with"),
        ("scores[last + 2U] = scores[last];", "scores[last + 2U] = scores[last - 2U];"),
        ("(uint32_t)peak - (uint32_t)limit - 1U", "(uint32_t)peak - ((uint32_t)limit / 64U)"),
        ('"mul %[v], %[v], %[v]', '"mul %[v], %[v], %[u]'),
        ('"smmls %[d], %[d], r8, r9', '"smmls %[d], %[d], r4, r9'),
    ],
    ids=["odd columns", "last score", "last weight", "hidden", "power", "factor"],
)
def test_a_fault_is_caught(right: str, wrong: str) -> None:
    """A kernel that scores, hides, weighs or scales in another way is told from the twin."""
    assert kernel_files()["attention_pairs.h"].count(right) == 1
    graph = attentions()
    inputs = hostile_inputs(graph)
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    found = run_on_core("cortex-m4", program, inputs, right=right, wrong=wrong)
    assert any(np.any(expected[name] != actual) for name, actual in zip(graph.outputs, found, strict=True))
