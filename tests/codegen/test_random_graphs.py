"""Random legal graphs over every kind of operator: reference == C on this machine always, on emulated cores sampled."""

from dataclasses import replace

import pytest
from graphs import every_integer_operator, graphs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_programs import make_case, run_together

from smidgen.ir import Graph
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

_TOGETHER = 50  # graphs in one translation unit

#: One graph to shrink to, or a full unit.
several_graphs = st.sampled_from([1, *[_TOGETHER] * 7]).flatmap(lambda n: st.lists(graphs(), min_size=n, max_size=n))

quiet = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def assert_equal_on_host(drawn: list[Graph]) -> None:
    """Every output byte of every graph is the reference's."""
    cases = [make_case(graph, index) for index, graph in enumerate(drawn)]
    for case, found in zip(cases, run_together(cases), strict=True):
        assert all(a.tobytes() == b.tobytes() for a, b in zip(case.expected, found, strict=True)), case.describe(found)


@settings(quiet, max_examples=8)
@given(drawn=several_graphs)
def test_random_graphs_equal_their_c(drawn: list[Graph]) -> None:
    """About 300 graphs: the reference before any pass equals the C after all of them."""
    assert_equal_on_host(drawn)


@pytest.mark.slow
@settings(quiet, max_examples=115)
@given(drawn=several_graphs)
def test_five_thousand_random_graphs_equal_their_c(drawn: list[Graph]) -> None:
    """The same claim over 5,000 graphs."""
    assert_equal_on_host(drawn)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
@settings(quiet, max_examples=5)
@given(graph=graphs())
def test_random_graphs_equal_their_c_on_emulated_cores(core: str, graph: Graph) -> None:
    """A sample runs on emulated cores, where memory between tensors is guarded."""
    case = make_case(graph, 0, n=4)
    target = replace(find_target(core), flash_bytes=1 << 20, ram_bytes=1 << 20)
    emulator = Emulator(build_image(case.program, target), case.program)
    found = emulator.run(case.inputs)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(case.expected, found, strict=True)), case.describe(found)


def test_a_planted_fault_is_found() -> None:
    """Planted: a requantisation that truncates gives other bytes, and the report shows the graph that has them."""
    case = make_case(every_integer_operator(), 0)
    kernels = f"{case.program.name}_kernels.h"
    right, wrong = "(((int64_t)a * b) + ((int64_t)1 << 31)) >> 32", "((int64_t)a * b) >> 32"
    assert case.program.files[kernels].count(right) == 1
    files = {**case.program.files, kernels: case.program.files[kernels].replace(right, wrong)}
    with pytest.raises(AssertionError, match="graph g0"):
        run_together([replace(case, program=replace(case.program, files=files))])  # its self-test fails
