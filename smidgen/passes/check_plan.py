"""The proof of a memory plan: no op, nor the caller in the end, finds other bytes than those that were meant for it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, State, Tensor
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.passes.loop_memory import ALIGNMENT
from smidgen.passes.memory_plan import MemoryPlan, Placement, scratch_bytes

_Span = tuple[str, int, int]  # region, first byte, one past the last


def check_plan(graph: Graph, plan: MemoryPlan) -> None:
    """Raise GraphError unless every op, and the caller in the end, finds the bytes of its operands in place.

    Independent of how the plan was made: it replays the ops over a shadow of the memory, in which each byte carries a
    label of its own for every value that is written.
    """
    for op in graph.ops:
        if op.body is not None:
            check_plan(op.body, plan.bodies[op.name])
    _replay(graph, plan)
    if plan.known_outputs:
        _replay(graph, replace(plan, placements=plan.as_in_selftest, known_outputs={}))


def _replay(graph: Graph, plan: MemoryPlan) -> None:
    """Run the ops over the shadow."""
    memory = {name: np.zeros(graph[name].n_bytes, np.int64) for name in (*graph.inputs, *graph.outputs)}
    memory["arena"] = np.zeros(plan.arena_bytes, np.int64)
    memory["state"] = np.zeros(plan.state_bytes, np.int64)
    values: dict[str, NDArray[np.int64]] = {}  # the labels of each tensor's bytes, and of each state's of a step graph
    written = 0

    def write(region: str, start: int, n_bytes: int) -> NDArray[np.int64]:
        nonlocal written
        labels = np.arange(written + 1, written + 1 + n_bytes)
        memory[region][start : start + n_bytes] = labels
        written += n_bytes
        return labels

    def require_at(place: Placement, name: str, reader: str) -> None:
        end = place.offset + len(values[name])
        if not np.array_equal(memory[place.region][place.offset : end], values[name]):
            where = f"{place.region} [{place.offset}, {end})"
            raise GraphError(f"{reader}: the bytes of {name} are not at {where}, or were overwritten")

    def require(name: str, reader: str) -> None:
        require_at(plan.placements[name], name, reader)

    for name in graph.inputs:
        values[name] = write(name, 0, graph[name].n_bytes)
    kept = list(_kept_states(graph, plan))
    for op, state, place in kept:
        _check_bounds(op, f"its state {state.role}", _span(place, state.n_bytes), graph, plan)
        values[_state_name(op, state.role)] = write("state", place.offset, state.n_bytes)
    for op in graph.ops:
        operands = [name for name in op.inputs if graph[name].data is None]
        for name in operands:
            require(name, op.name)
        if op.name in plan.views:
            values[op.output] = _viewed(op, graph[op.inputs[0]], values[op.inputs[0]])
            require(op.output, op.name)
            continue
        _check_writes(graph, plan, op, operands)
        for region, start, stop in _working_spans(graph, plan, op).values():
            write(region, start, stop - start)
        for name in op.outputs:
            place = plan.placements[name]
            values[name] = write(place.region, place.offset, graph[name].n_bytes)
        role = OP_SPECS[op.kind].result_state
        if role is not None:
            values[_state_name(op, role)] = values[op.output]
            require_at(plan.states[op.name][role], _state_name(op, role), op.name)
    for name in graph.outputs:
        require(name, f"graph {graph.name}")
    for op, state, place in kept:
        require_at(place, _state_name(op, state.role), f"graph {graph.name}")


def _viewed(op: Op, x: Tensor, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the labels of a reshape or slice of bytes that carry `labels`."""
    if op.kind == "reshape":
        return labels
    axis, start, stop = op.attrs["axis"], op.attrs["start"], op.attrs["stop"]
    assert isinstance(axis, int)
    assert isinstance(start, int)
    assert isinstance(stop, int)
    shaped = labels.reshape(*x.shape, DTYPE_BYTES[x.dtype])
    return shaped.take(range(start, stop), axis=axis).reshape(-1)


def _check_writes(graph: Graph, plan: MemoryPlan, op: Op, operands: Sequence[str]) -> None:
    """Raise GraphError if what op writes leaves its region, is misaligned, or meets what op still reads."""
    place, y = plan.placements[op.output], graph[op.output]
    spans = {"its result": _span(place, y.n_bytes), **_working_spans(graph, plan, op)}
    spans |= {f"its result {name}": _span(plan.placements[name], graph[name].n_bytes) for name in op.more}
    for (what, span), (other, other_span) in combinations(spans.items(), 2):
        if _meet(span, other_span):
            raise GraphError(f"{op.name}: {what} {span} meets {other} {other_span}")
    for what, span in spans.items():
        _check_bounds(op, what, span, graph, plan)
        for name in operands:
            source, x = plan.placements[name], graph[name]
            in_place = (
                what == "its result" and name in op.inputs[: OP_SPECS[op.kind].in_place] and source == place
                and DTYPE_BYTES[x.dtype] == DTYPE_BYTES[y.dtype]
            )  # fmt: skip
            if not in_place and _meet(span, _span(source, x.n_bytes)):
                raise GraphError(f"{op.name}: {what} at {span} overwrites its operand {name} before it is read")


def _check_bounds(op: Op, what: str, span: _Span, graph: Graph, plan: MemoryPlan) -> None:
    """Raise GraphError where bytes that op writes leave their region, are misaligned, or belong to an input."""
    region, start, stop = span
    sizes = {"arena": plan.arena_bytes, "state": plan.state_bytes}
    end = sizes[region] if region in sizes else graph[region].n_bytes
    if start < 0 or stop > end or start % ALIGNMENT or region in graph.inputs:
        raise GraphError(f"{op.name}: {what} at {span} is misplaced; {region} has {end} B, aligned by {ALIGNMENT}")


def _working_spans(graph: Graph, plan: MemoryPlan, op: Op) -> dict[str, _Span]:
    """Return the arena bytes that op overwrites besides its result: scratch, and in a window its states."""
    spans = {}
    if not graph.is_step:
        for state in states_of(graph, op):
            spans[f"its state {state.role}"] = _span(plan.states[op.name][state.role], state.n_bytes)
    size = scratch_bytes(graph, op, plan.bodies, has_dsp=plan.has_dsp)
    if size:
        start = plan.scratch[op.name]
        spans["its scratch"] = ("arena", start, start + size)
    return spans


def _kept_states(graph: Graph, plan: MemoryPlan) -> Iterator[tuple[Op, State, Placement]]:
    """Yield what outlives a run of a step graph."""
    for op in graph.ops if graph.is_step else ():
        for state in states_of(graph, op):
            yield op, state, plan.states[op.name][state.role]


def _state_name(op: Op, role: str) -> str:
    return f"{op.name}, state {role}"


def _span(place: Placement, n_bytes: int) -> _Span:
    return place.region, place.offset, place.offset + n_bytes


def _meet(a: _Span, b: _Span) -> bool:
    return a[0] == b[0] and max(a[1], b[1]) < min(a[2], b[2])
