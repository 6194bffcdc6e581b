"""Random legal graphs over every kind of operator: reference == C on this machine always, on emulated cores sampled."""

from dataclasses import replace

import pytest
from causal_graphs import causal
from drawing import GENERATORS, STEP_GENERATORS, graphs, step_graphs
from drawing.causal_windows import causal_windows
from graphs import every_integer_operator
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from random_programs import QUIET, Trial, assert_c_equals_reference, drawn, make_case, run_together

from smidgen.ir import Graph
from smidgen.ir.ops import OP_SPECS
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

_PARTS = range(1, 11)  # of the long run, a seed each


# ---- what is drawn ---------------------------------------------------------------------------------------------------


def test_every_kind_has_a_generator() -> None:
    """A new kind of operator must be drawn too, in windows or in steps alone."""
    assert {*GENERATORS, *STEP_GENERATORS} == set(OP_SPECS)


_FORMS = [
    (kind, arithmetic) for kind, spec in OP_SPECS.items() for arithmetic in ("integer", "float32")
    if getattr(spec, arithmetic) is not None
]  # fmt: skip


@pytest.mark.parametrize(("kind", "arithmetic"), _FORMS)
def test_every_kind_is_drawn(kind: str, arithmetic: str) -> None:
    """Each generator gives its kind, in every arithmetic of the kind."""
    strategy = step_graphs if kind in STEP_GENERATORS else graphs
    batches = (drawn(strategy(kinds=["reshape", kind]), 10, seed=batch) for batch in range(10))
    assert any(_holds(graph, kind, arithmetic) for batch in batches for graph in batch)


def _holds(graph: Graph, kind: str, arithmetic: str) -> bool:
    """True if a graph has an operator of a kind in an arithmetic."""
    found = [op for op in graph.ops if op.kind == kind]
    floats = [OP_SPECS[kind].is_float(graph.operands(op), graph[op.output]) for op in found]
    return (arithmetic == "float32") in floats


# ---- reference == C --------------------------------------------------------------------------------------------------


def streamed() -> st.SearchStrategy[Graph]:
    """Return the steps of random causal windows, which tests of `passes.stream` compare with the windows."""
    return causal_windows().map(lambda graph: causal(graph).step)


def test_random_graphs_equal_their_c() -> None:
    """300 graphs, steps among them: the reference before any pass equals the C after all of them."""
    assert_c_equals_reference(graphs(), 200, seed=0)
    assert_c_equals_reference(step_graphs(), 50, seed=0)
    assert_c_equals_reference(streamed(), 50, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("part", _PARTS)
def test_five_thousand_random_graphs_equal_their_c(part: int) -> None:
    """The same claim over 5,000 graphs."""
    assert_c_equals_reference(graphs(), 350, seed=part)
    assert_c_equals_reference(step_graphs(), 75, seed=part)
    assert_c_equals_reference(streamed(), 75, seed=part)


def assert_equal_on_core(graph: Graph, core: str) -> None:
    """Every output byte of an emulated core is the reference's."""
    case = make_case(Trial(graph=graph), extremes=3)
    target = replace(find_target(core), flash_bytes=1 << 20, ram_bytes=1 << 20)
    found = Emulator(build_image(case.program, target), case.program).run(case.inputs)
    assert case.report(found) == ""


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
@seed(0)
@settings(QUIET, max_examples=6)
@given(graph=graphs() | step_graphs())
def test_random_graphs_equal_their_c_on_emulated_cores(core: str, graph: Graph) -> None:
    """A sample runs on emulated cores, where memory between tensors is guarded."""
    assert_equal_on_core(graph, core)


@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
@seed(1)
@settings(QUIET, max_examples=100)
@given(graph=graphs() | step_graphs())
def test_a_hundred_random_graphs_equal_their_c_on_emulated_cores(core: str, graph: Graph) -> None:
    """The same claim over a larger sample."""
    assert_equal_on_core(graph, core)


# ---- planted faults --------------------------------------------------------------------------------------------------


def test_a_planted_fault_is_found() -> None:
    """Planted: a requantisation that truncates gives other bytes, and the report shows the graph that has them."""
    case = make_case(Trial(graph=every_integer_operator()))
    kernels = f"{case.program.name}_kernels.h"
    right, wrong = "(((int64_t)a * b) + ((int64_t)1 << 31)) >> 32", "((int64_t)a * b) >> 32"
    assert case.program.files[kernels].count(right) == 1
    files = {**case.program.files, kernels: case.program.files[kernels].replace(right, wrong)}
    (report,) = run_together([replace(case, program=replace(case.program, files=files))])
    assert report.startswith("graph g0")
    assert "expected" in report


def test_a_fault_in_the_reference_is_found_and_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a reference whose means are one too large; of what was drawn a graph of few operators is shown."""
    spec = OP_SPECS["mean"]
    assert spec.integer is not None
    evaluate = spec.integer.evaluate
    faulty = replace(spec.integer, evaluate=lambda *given: evaluate(*given) + 1)
    monkeypatch.setitem(OP_SPECS, "mean", replace(spec, integer=faulty))  # type: ignore[misc]
    with pytest.raises(AssertionError, match="mean") as caught:
        assert_c_equals_reference(graphs(kinds=["reshape", "add", "linear", "mean"]), 30, seed=0)
    assert str(caught.value).count("\n") < 12
