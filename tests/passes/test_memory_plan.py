"""Memory plans: no two live values share a byte, faults are refused, views and in-place operators cost nothing."""

from dataclasses import replace

import numpy as np
import pytest
from drawing import graphs
from graph_maker import INT8, INT16, SYMMETRIC, Array, GraphMaker
from graphs import every_float_operator, every_integer_operator, samples
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import GraphError
from smidgen.ir import Graph, interpret
from smidgen.ir.graph import DTYPE_BYTES
from smidgen.passes import MemoryPlan, Placement, check_plan, fold, plan_memory


def run_in_memory(graph: Graph, plan: MemoryPlan, inputs: list[Array]) -> dict[str, bytes]:
    """Run one sample with every tensor's bytes where the plan puts them; return the outputs' buffers.

    Knows nothing of lifetimes: an operator reads what stands at its operands' places, whoever wrote it.
    """
    memory = {name: np.zeros(graph[name].n_bytes, np.uint8) for name in (*graph.inputs, *graph.outputs)}
    memory["arena"] = np.full(plan.arena_bytes, 0xA5, np.uint8)
    for name, value in zip(graph.inputs, inputs, strict=True):
        memory[name][:] = np.ascontiguousarray(value).reshape(-1).view(np.uint8)

    def bytes_of(name: str) -> Array:
        place = plan.placements[name]
        return memory[place.region][place.offset : place.offset + graph[name].n_bytes]

    for op in graph.ops:
        if op.name in plan.views:
            continue
        operands = {
            name: bytes_of(name).copy().view(graph[name].dtype).reshape(1, *graph[name].shape)
            for name in op.inputs
            if graph[name].data is None
        }
        alone = replace(graph, inputs=tuple(operands), outputs=op.outputs, ops=(op,))
        if op.name in plan.scratch:
            memory["arena"][plan.scratch[op.name] :][:4] = 0x5A
        results = interpret(alone, list(operands.values())) if operands else interpret_constants(alone)
        for name in op.outputs:
            bytes_of(name)[:] = np.ascontiguousarray(results[name]).reshape(-1).view(np.uint8)
    return {name: memory[name].tobytes() for name in graph.outputs}


def interpret_constants(graph: Graph) -> dict[str, Array]:
    """Return the results of a graph whose one operator reads constants alone."""
    dummy = replace(next(iter(graph.tensors.values())), name="dummy", shape=(1,), data=None)
    graph = replace(graph, inputs=("dummy",), tensors={**graph.tensors, "dummy": dummy})
    return interpret(graph, [np.zeros((1, 1), dummy.dtype)])


def expected_outputs(graph: Graph, inputs: list[Array]) -> dict[str, bytes]:
    """Return the reference's outputs for one sample."""
    values = interpret(graph, [value[None] for value in inputs])
    return {name: values[name][0].tobytes() for name in graph.outputs}


def one_sample(graph: Graph) -> list[Array]:
    """Return one input that is not constant."""
    return [values[5] for values in samples(graph, 6)]


@given(graph=graphs(), folded=st.booleans())
def test_random_graphs_run_in_their_plan(graph: Graph, folded: bool) -> None:
    """Random branches and lifetimes: inside the planned bytes the graph gives the reference's outputs."""
    graph = fold(graph) if folded else graph
    plan = plan_memory(graph)
    assert plan.lower_bound_bytes <= plan.arena_bytes
    assert expected_outputs(graph, one_sample(graph)) == run_in_memory(graph, plan, one_sample(graph))


@pytest.mark.parametrize("graph", [every_integer_operator(), every_float_operator()], ids=["integer", "float32"])
def test_every_operator_runs_in_its_plan(graph: Graph) -> None:
    """Scratch memory, constants, outputs read again and in-place operators included."""
    for candidate in (graph, fold(graph)):
        plan = plan_memory(candidate)
        assert expected_outputs(candidate, one_sample(candidate)) == run_in_memory(
            candidate, plan, one_sample(candidate)
        )


@given(graph=graphs(), data=st.data())
def test_check_plan_accepts_only_what_runs(graph: Graph, data: st.DataObject) -> None:
    """A tensor moved anywhere: either check_plan refuses, or the outputs are still the reference's."""
    plan = plan_memory(graph)
    in_arena = [name for name, place in plan.placements.items() if place.region == "arena"]
    if not in_arena:
        return
    moved, offset = data.draw(st.sampled_from(in_arena)), 4 * data.draw(st.integers(0, plan.arena_bytes // 4))
    planted = with_placement(plan, moved, Placement(region="arena", offset=offset))
    planted = replace(planted, arena_bytes=plan.arena_bytes + 4 * data.draw(st.integers(0, 8)))
    try:
        check_plan(graph, planted)
    except GraphError:
        return
    assert expected_outputs(graph, one_sample(graph)) == run_in_memory(graph, planted, one_sample(graph))


def with_placement(plan: MemoryPlan, name: str, place: Placement) -> MemoryPlan:
    """Return the plan with one tensor moved."""
    return replace(plan, placements={**plan.placements, name: place})


def two_branches() -> tuple[Graph, str, str]:
    """Return a graph whose two intermediate tensors are alive at once, and their names."""
    m = GraphMaker()
    x = m.input("x", 4, 8)
    a, b = m.linear(x, 8), m.linear(x, 8)
    return m.graph(m.linear(m.binary("add", a, b), 2)), a, b


def test_an_overlap_is_refused() -> None:
    """Planted: two tensors that are alive at once in the same bytes; the reader and the lost tensor are named."""
    graph, a, b = two_branches()
    plan = plan_memory(graph)
    planted = with_placement(plan, b, plan.placements[a])
    with pytest.raises(GraphError, match=rf"add.2: the bytes of {a} are not at arena \[0, 32\), or were overwritten"):
        check_plan(graph, planted)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Placement(region="arena", offset=1000), r"linear.0: its result at \('arena', 1000, 1032\) is misplaced"),
        (Placement(region="arena", offset=-4), "is misplaced; arena has"),
        (Placement(region="arena", offset=2), "is misplaced; arena has 64 B, aligned by 4"),
        (Placement(region="x", offset=0), "is misplaced; x has 32 B"),
    ],
    ids=["beyond the arena", "before the arena", "misaligned", "in an input"],
)
def test_a_misplaced_tensor_is_refused(place: Placement, message: str) -> None:
    """Outside the arena, misaligned or in the caller's input: the operator and the place are named."""
    graph, a, _ = two_branches()
    with pytest.raises(GraphError, match=message):
        check_plan(graph, with_placement(plan_memory(graph), a, place))


def test_a_view_at_the_wrong_place_is_refused() -> None:
    """A slice declared to be a view must lie where its bytes are."""
    m = GraphMaker()
    rows = m.linear(m.input("x", 4, 8), 8)
    last = m.slice(rows, 0, 2, 4)
    graph = m.graph(m.linear(last, 2), m.mean(rows, 0))
    plan = plan_memory(graph)
    assert plan.placements[last].offset == plan.placements[rows].offset + 16
    with pytest.raises(GraphError, match=rf"slice.1: the bytes of {last} are not at arena"):
        check_plan(graph, with_placement(plan, last, plan.placements[rows]))


@pytest.mark.parametrize("onto", ["operand", "result"])
def test_scratch_in_use_is_refused(onto: str) -> None:
    """Scratch memory must not meet what its operator reads or writes."""
    m = GraphMaker()
    heads = [m.linear(m.input(f"x{i}", 4, 1, 4), 4, SYMMETRIC) for i in range(3)]
    attended = m.attention(*heads)
    graph = m.graph(m.linear(attended, 2))
    plan = plan_memory(graph)
    name = next(iter(plan.scratch))
    offset = plan.placements[heads[0] if onto == "operand" else attended].offset
    message = "overwrites its operand" if onto == "operand" else "meets its scratch"
    with pytest.raises(GraphError, match=f"attention.3: its .* {message}"):
        check_plan(graph, replace(plan, scratch={name: offset}))


def test_only_elementwise_operators_work_in_place() -> None:
    """A linear layer over its own input is refused, since it reads elements that it has already written."""
    m = GraphMaker()
    x = m.table(m.input("x", 4, 8))
    y = m.linear(x, 8)
    graph = m.graph(m.mean(y, 0))
    plan = plan_memory(graph)
    with pytest.raises(GraphError, match=rf"linear.1: its result .* overwrites its operand {x} before it is read"):
        check_plan(graph, with_placement(plan, y, plan.placements[x]))


def test_pointwise_chains_take_one_block() -> None:
    """Tables, norms, sums and changes of scale of one width reuse the bytes of what they read last."""
    m = GraphMaker()
    x = m.linear(m.input("x", 4, 8), 8)
    for _ in range(3):
        x = m.norm("rms_norm", m.binary("add", m.table(x), m.input(f"other{len(m.tensors)}", 4, 8)), INT8)
    plan = plan_memory(m.graph(m.mean(x, 0)))
    assert plan.arena_bytes == plan.lower_bound_bytes == 32


def test_a_change_of_width_is_not_in_place() -> None:
    """int8 to int16 would overwrite elements before they are read."""
    m = GraphMaker()
    x = m.linear(m.input("x", 4, 8), 8)
    plan = plan_memory(m.graph(m.mean(m.table(x, INT16), 0)))
    assert plan.arena_bytes == 32 + 64


def test_views_take_no_bytes() -> None:
    """Reshapes and slices of whole rows are the bytes that already stand there, also in the caller's input."""
    m = GraphMaker()
    x = m.input("x", 8, 4)
    halves = [m.slice(m.reshape(x, 2, 16), 0, i, i + 1) for i in range(2)]
    graph = m.graph(m.binary("add", *halves))
    plan = plan_memory(graph)
    assert plan.arena_bytes == 0
    assert plan.placements[halves[1]] == Placement(region="x", offset=16)
    assert len(plan.views) == 4


def test_a_slice_that_would_be_misaligned_is_copied() -> None:
    """A row of 3 bytes at offset 3 cannot be read as aligned words, so it is no view."""
    m = GraphMaker()
    rows = m.linear(m.input("x", 4, 8), 3)
    graph = m.graph(m.linear(m.slice(rows, 0, 1, 2), 2), m.mean(rows, 0))
    assert not plan_memory(graph).views


def test_an_output_that_is_a_reshape_is_written_directly() -> None:
    """The operator before it writes the caller's buffer; no byte of arena, no copy."""
    m = GraphMaker()
    graph = m.graph(m.reshape(m.linear(m.input("x", 4, 8), 2), 8))
    plan = plan_memory(graph)
    assert plan.arena_bytes == 0
    assert len(plan.views) == 1


@pytest.mark.parametrize("graph", [every_integer_operator(), every_float_operator()], ids=["integer", "float32"])
def test_tensors_are_aligned(graph: Graph) -> None:
    """Every tensor in the arena starts on a multiple of four and ends inside it."""
    plan = plan_memory(graph)
    for name, place in plan.placements.items():
        if place.region == "arena":
            assert place.offset % 4 == 0
            assert place.offset + graph[name].size * DTYPE_BYTES[graph[name].dtype] <= plan.arena_bytes


def test_the_peak_is_named() -> None:
    """The operator at which most bytes are alive, those it works in included, is the one that the report points at."""
    m = GraphMaker()
    wide = m.linear(m.linear(m.input("x", 4, 8), 8), 64)
    plan = plan_memory(m.graph(m.mean(m.linear(wide, 4), 0)))
    assert plan.peak_op == "linear.2"
    operand, result, widened = 4 * 64, 4 * 4, 2 * 64 * 2  # two rows of the operand in 16 bits
    assert plan.arena_bytes == plan.lower_bound_bytes == operand + result + widened


def test_without_dsp_linear_layers_have_no_scratch() -> None:
    """Their plain kernels read inputs where they stand, so that the two largest activations are all there is."""
    m = GraphMaker()
    first = m.linear(m.linear(m.input("x", 3, 32), 32, INT16), 32)
    graph = m.graph(m.norm("rms_norm", m.linear(first, 32, form="int4"), INT8))
    whole, plain = plan_memory(graph), plan_memory(graph, has_dsp=False)
    *linear, _ = (op.name for op in graph.ops)
    assert (set(whole.scratch), set(plain.scratch)) == ({*linear}, set())
    assert plain.arena_bytes == 3 * 32 * (2 + 1)
    assert whole.arena_bytes > plain.arena_bytes
