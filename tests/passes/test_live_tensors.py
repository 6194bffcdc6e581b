"""Lifetimes counted anew: in no plan do two tensors that are alive share a byte, and the arena holds them all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import pytest
from drawing import graphs, step_graphs
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from random_programs import QUIET, drawn

from smidgen.errors import GraphError
from smidgen.ir import Graph, Op
from smidgen.ir.graph import DTYPE_BYTES
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.passes import MemoryPlan, Placement, check_plan, fold, plan_memory, schedule
from smidgen.passes.memory_plan import scratch_bytes

windows_and_steps = graphs() | step_graphs()


@dataclass(frozen=True, kw_only=True)
class Block:
    """Bytes of a tensor, of scratch or of a state, and the indices of the ops over which they are alive, ends
    included."""

    name: str
    place: Placement
    n_bytes: int
    first: int
    last: int

    def meets(self, other: "Block") -> bool:
        """True if both have a byte in common, at any time."""
        start = max(self.place.offset, other.place.offset)
        stop = min(self.place.offset + self.n_bytes, other.place.offset + other.n_bytes)
        return self.place.region == other.place.region and start < stop


def blocks(graph: Graph, plan: MemoryPlan, placements: Mapping[str, Placement]) -> list[Block]:
    """Return every block of the arena and of the state bytes; a view is alive as long as what it shows."""
    last = {name: index for index, op in enumerate(graph.ops) for name in op.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.ops))
    for op in reversed(graph.ops):
        if op.name in plan.views:
            last[op.inputs[0]] = max(last[op.inputs[0]], last.get(op.output, 0))
    found = []
    for index, op in enumerate(graph.ops):
        for name in op.outputs if op.name not in plan.views else ():
            end = max(index, last.get(name, index))
            found.append(Block(
                name=name, place=placements[name], n_bytes=graph[name].n_bytes, first=index, last=end,
            ))  # fmt: skip
        found += working_blocks(graph, plan, op, index)
    return [block for block in found if block.place.region in ("arena", "state") and block.n_bytes]


def working_blocks(graph: Graph, plan: MemoryPlan, op: Op, index: int) -> Iterator[Block]:
    """Yield the scratch and the states of an op; those of a step graph are alive for ever."""
    for state in states_of(graph, op):
        if state.role != OP_SPECS[op.kind].result_state:  # its tensor is listed
            first, last = (0, len(graph.ops)) if graph.is_step else (index, index)
            place = plan.states[op.name][state.role]
            yield Block(name=f"{op.name} {state.role}", place=place, n_bytes=state.n_bytes, first=first, last=last)
    n_bytes = scratch_bytes(graph, op, plan.bodies, has_dsp=plan.has_dsp)
    if n_bytes:
        place = Placement(region="arena", offset=plan.scratch[op.name])
        yield Block(name=f"{op.name} scratch", place=place, n_bytes=n_bytes, first=index, last=index)


def overlaps(graph: Graph, plan: MemoryPlan, placements: Mapping[str, Placement]) -> list[tuple[str, str]]:
    """Return the names of blocks that are alive together and share a byte, but for an op that works in place."""
    found = []
    for a, b in combinations(blocks(graph, plan, placements), 2):
        early, late = sorted((a, b), key=lambda block: block.first)
        if early.last >= late.first and a.meets(b) and not works_in_place(graph, plan, early, late):
            found.append((early.name, late.name))
    return found


def works_in_place(graph: Graph, plan: MemoryPlan, source: Block, result: Block) -> bool:
    """True if the op that writes `result` may do so over `source`, the last reader of which it is."""
    op = graph.producer(result.name)
    if op is None or source.last != result.first or source.place != result.place:
        return False
    for name in op.inputs[: OP_SPECS[op.kind].in_place]:
        same_width = DTYPE_BYTES[graph[name].dtype] == DTYPE_BYTES[graph[result.name].dtype]
        if shown(graph, plan, name) == source.name and same_width and source.n_bytes == result.n_bytes:
            return True
    return False


def shown(graph: Graph, plan: MemoryPlan, name: str) -> str:
    """Return the tensor of which another is a view, itself if it is none."""
    op = graph.producer(name)
    return shown(graph, plan, op.inputs[0]) if op is not None and op.name in plan.views else name


def planned(graph: Graph, *, ordered: bool) -> tuple[Graph, MemoryPlan]:
    """Return a graph as it is delivered, or in the order in which it was drawn, with its plan."""
    graph = schedule(fold(graph)) if ordered else graph
    return graph, plan_memory(graph)


def assert_nothing_overlaps(graph: Graph, plan: MemoryPlan) -> None:
    """Neither in use nor while the self-test runs; and the arena holds what is alive at any op."""
    for placements in (plan.placements, plan.as_in_selftest):
        assert overlaps(graph, plan, placements) == []
    alive = [block for block in blocks(graph, plan, plan.placements) if block.place.region == "arena"]
    for index in range(len(graph.ops)):
        bytes_now = {
            byte for block in alive if block.first <= index <= block.last
            for byte in range(block.place.offset, block.place.offset + block.n_bytes)
        }  # fmt: skip
        assert len(bytes_now) <= plan.arena_bytes
        assert max(bytes_now, default=0) <= plan.arena_bytes
    assert plan.lower_bound_bytes <= plan.arena_bytes
    for op in graph.ops:
        if op.body is not None:
            assert_nothing_overlaps(op.body, plan.bodies[op.name])


@settings(QUIET)
@given(graph=windows_and_steps, ordered=st.booleans())
def test_live_tensors_never_overlap(graph: Graph, ordered: bool) -> None:
    """Windows and steps, views, states, scratch and bodies of loops, in any order of ops."""
    assert_nothing_overlaps(*planned(graph, ordered=ordered))


@pytest.mark.slow
def test_live_tensors_of_two_thousand_graphs_never_overlap() -> None:
    """The same claim over 2,000 graphs."""
    for graph, ordered in drawn(st.tuples(windows_and_steps, st.booleans()), 2000, seed=1):
        assert_nothing_overlaps(*planned(graph, ordered=ordered))


@seed(0)
@settings(QUIET)
@given(graph=windows_and_steps, data=st.data())
def test_a_planted_overlap_is_found_and_refused(graph: Graph, data: st.DataObject) -> None:
    """A tensor moved onto another that is alive: found here, and refused by the plan's own proof."""
    graph, plan = planned(graph, ordered=False)
    found = [block for block in blocks(graph, plan, plan.placements) if block.name in plan.placements]
    pairs = [
        (a, b) for a, b in combinations(found, 2)
        if a.first < b.first < a.last and a.place.region == b.place.region == "arena" and a.place != b.place
    ]  # fmt: skip
    if not pairs:
        return
    a, b = data.draw(st.sampled_from(pairs))
    planted = replace(plan, placements={**plan.placements, b.name: a.place})
    assert (a.name, b.name) in overlaps(graph, planted, planted.placements)
    with pytest.raises(GraphError):
        check_plan(graph, planted)
