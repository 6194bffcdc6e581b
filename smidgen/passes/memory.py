"""Where tensors and states live: the user's buffers, flash, arena or state bytes; and a proof that no two collide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, State, Tensor
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.passes.loop_memory import ALIGNMENT, aligned, loop_buffers

_Span = tuple[str, int, int]  # region, first byte, one past the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Memory of one tensor or state: `region` is "arena", "state", "constant", or the name of an input or output."""

    region: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Placements by tensor, those of states and scratch by op, and what decided the size of the arena.

    `bodies` are the plans of loops' bodies, by op: their arena is the part of the loop's scratch behind its buffers.
    """

    placements: Mapping[str, Placement]
    states: Mapping[str, Mapping[str, Placement]]  # by op and role: state bytes in a step graph, the arena in a window
    scratch: Mapping[str, int]
    views: frozenset[str]  # ops that need no code: their result is bytes that already stand where they should
    arena_bytes: int
    state_bytes: int
    lower_bound_bytes: int  # the largest sum of live bytes in this order of ops
    peak_op: str
    bodies: Mapping[str, "MemoryPlan"]


@dataclass(slots=True)
class _Storage:
    """One block of arena bytes and the span of op indices over which it is alive, ends included."""

    n_bytes: int
    first: int
    last: int
    offset: int = -1


def plan_memory(graph: Graph) -> MemoryPlan:
    """Place every tensor; views share the bytes of their source, pointwise ops work in place where the source dies."""
    views = _views(graph)
    fixed = {name: Placement(region=name, offset=0) for name in (*graph.inputs, *graph.outputs)}
    fixed |= {t.name: Placement(region="constant", offset=0) for t in graph.tensors.values() if t.data is not None}
    fixed |= _results_in_states(graph)
    storages: dict[str, _Storage] = {}
    home: dict[str, tuple[str, int]] = {}  # tensor -> (owner of its storage, byte offset inside)
    last_use = _last_use(graph)

    for name in fixed:
        home[name] = (name, 0)
    for index, op in enumerate(graph.ops):
        for name in op.outputs:
            if name in home:
                continue
            if op.name in views:
                owner, offset = home[op.inputs[0]]
                home[name] = (owner, offset + views[op.name])
            elif (output := _written_to_output(graph, name)) is not None:
                home[name] = (output, 0)
            else:
                home[name] = (_in_place_owner(graph, op, index, home, storages) or name, 0)
            owner = home[name][0]
            if owner not in fixed:
                block = storages.setdefault(owner, _Storage(graph[name].n_bytes, index, index))
                block.last = max(block.last, last_use.get(name, index))
    bodies = {op.name: plan_memory(op.body) for op in graph.ops if op.body is not None}
    scratch_bytes = {op.name: size for op in graph.ops if (size := _scratch_bytes(graph, op, bodies))}
    # The states of a window's op live as long as its scratch, and stand in front of it.
    working = {
        op.name: _Storage(size, i, i)
        for i, op in enumerate(graph.ops)
        if (size := (0 if graph.is_step else _state_bytes(graph, op)) + scratch_bytes.get(op.name, 0))
    }

    blocks = [*storages.values(), *working.values()]
    _place(blocks)
    live = [sum(aligned(b.n_bytes) for b in blocks if b.first <= i <= b.last) for i in range(len(graph.ops))]
    peak = max(range(len(graph.ops)), key=lambda i: live[i], default=0)
    placements = {}
    for name, (owner, offset) in home.items():
        block_offset = storages[owner].offset if owner in storages else fixed[owner].offset
        region = "arena" if owner in storages else fixed[owner].region
        placements[name] = Placement(region=region, offset=block_offset + offset)
    states, state_bytes = _place_states(graph, {name: block.offset for name, block in working.items()})
    scratch = {name: working[name].offset + working[name].n_bytes - size for name, size in scratch_bytes.items()}
    plan = MemoryPlan(
        placements=placements,
        states=states,
        scratch=scratch,
        views=frozenset(views)
        | {op.name for op in graph.ops if op.kind == "reshape" and home[op.output] == home[op.inputs[0]]},
        arena_bytes=max((aligned(b.offset + b.n_bytes) for b in blocks), default=0),
        state_bytes=state_bytes,
        lower_bound_bytes=max(live, default=0),
        peak_op=graph.ops[peak].name if graph.ops else "",
        bodies=bodies,
    )
    check_plan(graph, plan)
    return plan


def check_plan(graph: Graph, plan: MemoryPlan) -> None:
    """Raise GraphError unless every op, and the caller in the end, finds the bytes of its operands in place.

    Independent of how the plan was made: it replays the ops over a shadow of the memory, in which each byte carries a
    label of its own for every value that is written.
    """
    for op in graph.ops:
        if op.body is not None:
            check_plan(op.body, plan.bodies[op.name])
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
                what == "its result" and OP_SPECS[op.kind].in_place and source == place
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
    size = _scratch_bytes(graph, op, plan.bodies)
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


def _last_use(graph: Graph) -> dict[str, int]:
    """Return the index of the last op that reads each tensor; a read of a view is a read of its source."""
    last = {name: index for index, op in enumerate(graph.ops) for name in op.inputs}
    for op in reversed(graph.ops):
        if op.kind in ("reshape", "slice") and op.output in last:
            last[op.inputs[0]] = max(last[op.inputs[0]], last[op.output])
    return last


def _views(graph: Graph) -> dict[str, int]:
    """Return op -> byte offset for ops that need no code: reshapes and slices of consecutive bytes."""
    views = {}
    for op in graph.ops:
        x = graph[op.inputs[0]]
        if op.output in graph.outputs or x.data is not None:
            continue
        if op.kind == "reshape":
            views[op.name] = 0
        elif op.kind == "slice":
            axis, start = op.attrs["axis"], op.attrs["start"]
            assert isinstance(axis, int)
            assert isinstance(start, int)
            row = x.size // x.shape[axis] * DTYPE_BYTES[x.dtype]
            if all(size == 1 for size in x.shape[:axis]) and start * row % ALIGNMENT == 0:
                views[op.name] = start * row
    return views


def _written_to_output(graph: Graph, name: str) -> str | None:
    """Return the graph output that is a mere reshape of a tensor, so that its op can write it directly."""
    for user in graph.consumers(name):
        if user.kind == "reshape" and user.output in graph.outputs and len(graph.consumers(name)) == 1:
            return user.output
    return None


def _in_place_owner(
    graph: Graph, op: Op, index: int, home: Mapping[str, tuple[str, int]], storages: Mapping[str, _Storage]
) -> str | None:
    """Return the storage of op's first input if op may overwrite it."""
    if not OP_SPECS[op.kind].in_place or op.inputs[0] not in home:
        return None
    owner, offset = home[op.inputs[0]]
    block = storages.get(owner)
    x, y = graph[op.inputs[0]], graph[op.output]
    same_size = x.n_bytes == y.n_bytes and DTYPE_BYTES[x.dtype] == DTYPE_BYTES[y.dtype]
    if block is None or offset or not same_size or block.n_bytes != y.n_bytes or block.last != index:
        return None
    # A second operand in the same bytes would be overwritten before it is read.
    return owner if all(home[name][0] != owner for name in op.inputs[1:]) else None


def _place_states(graph: Graph, working: Mapping[str, int]) -> tuple[dict[str, dict[str, Placement]], int]:
    """Return the placements of states by op, and the bytes of state.

    States of a step graph follow each other in the state bytes; those of a window stand at the op's `working` bytes in
    the arena, in front of its scratch.
    """
    states: dict[str, dict[str, Placement]] = {}
    state_bytes = 0
    for op in graph.ops:
        region, offset = ("state", state_bytes) if graph.is_step else ("arena", working.get(op.name, 0))
        places = {}
        for state in states_of(graph, op):
            places[state.role] = Placement(region=region, offset=offset)
            offset += aligned(state.n_bytes)
        if places:
            states[op.name] = places
        if graph.is_step:
            state_bytes = offset
    return states, state_bytes


def _results_in_states(graph: Graph) -> dict[str, Placement]:
    """Return the placements of the tensors that stand in the bytes of a state."""
    if not graph.is_step:
        return {}
    states, _ = _place_states(graph, {})
    kept = ((op, OP_SPECS[op.kind].result_state) for op in graph.ops)
    return {op.output: states[op.name][role] for op, role in kept if role is not None}


def _scratch_bytes(graph: Graph, op: Op, bodies: Mapping[str, MemoryPlan]) -> int:
    if op.body is not None:
        return loop_buffers(op, graph.operands(op)).arena + bodies[op.name].arena_bytes
    return OP_SPECS[op.kind].scratch_bytes(op, graph.operands(op), graph[op.output])


def _state_bytes(graph: Graph, op: Op) -> int:
    return sum(aligned(state.n_bytes) for state in states_of(graph, op))


def _place(blocks: list[_Storage]) -> None:
    """First fit in the best of three orders: by size, by size times life, by first use."""
    orders = (
        lambda b: (-b.n_bytes, b.first),
        lambda b: (-b.n_bytes * (b.last - b.first + 1), b.first),
        lambda b: (b.first, -b.n_bytes),
    )
    results = []
    for order in orders:
        placed: list[tuple[_Storage, int]] = []
        for block in sorted(blocks, key=order):
            placed.append((block, _first_fit(block, placed)))
        results.append((max((offset + aligned(b.n_bytes) for b, offset in placed), default=0), placed))
    for block, offset in min(results, key=lambda result: result[0])[1]:
        block.offset = offset


def _first_fit(block: _Storage, placed: list[tuple[_Storage, int]]) -> int:
    offset = 0
    for other, start in sorted(placed, key=lambda entry: entry[1]):
        if other.first <= block.last and block.first <= other.last:
            if offset + block.n_bytes <= start:
                break
            offset = max(offset, start + aligned(other.n_bytes))
    return offset
