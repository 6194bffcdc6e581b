"""Where each tensor lives: the user's buffers, flash, or an offset in the arena; and a proof that no two collide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS

ALIGNMENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Memory of one tensor: `region` is "arena", "constant", or the name of a graph input or output."""

    region: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Placements by tensor, scratch offsets by op, and what decided the size of the arena."""

    placements: Mapping[str, Placement]
    scratch: Mapping[str, int]
    views: frozenset[str]  # ops that need no code: their result is bytes that already stand where they should
    arena_bytes: int
    lower_bound_bytes: int  # the largest sum of live bytes in this order of ops
    peak_op: str


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
    storages: dict[str, _Storage] = {}
    home: dict[str, tuple[str, int]] = {}  # tensor -> (owner of its storage, byte offset inside)
    last_use = _last_use(graph)

    for name in fixed:
        home[name] = (name, 0)
    for index, op in enumerate(graph.ops):
        if op.output in home:
            continue
        if op.name in views:
            owner, offset = home[op.inputs[0]]
            home[op.output] = (owner, offset + views[op.name])
        elif (output := _written_to_output(graph, op)) is not None:
            home[op.output] = (output, 0)
        else:
            home[op.output] = (_in_place_owner(graph, op, index, home, storages) or op.output, 0)
        owner = home[op.output][0]
        if owner not in fixed:
            block = storages.setdefault(owner, _Storage(graph[op.output].n_bytes, index, index))
            block.last = max(block.last, last_use.get(op.output, index))
    scratch = {op.name: _Storage(size, i, i) for i, op in enumerate(graph.ops) if (size := _scratch_bytes(graph, op))}

    blocks = [*storages.values(), *scratch.values()]
    _place(blocks)
    live = [sum(_aligned(b.n_bytes) for b in blocks if b.first <= i <= b.last) for i in range(len(graph.ops))]
    peak = max(range(len(graph.ops)), key=lambda i: live[i], default=0)
    placements = {}
    for name, (owner, offset) in home.items():
        block_offset = storages[owner].offset if owner in storages else fixed[owner].offset
        region = "arena" if owner in storages else fixed[owner].region
        placements[name] = Placement(region=region, offset=block_offset + offset)
    plan = MemoryPlan(
        placements=placements,
        scratch={name: block.offset for name, block in scratch.items()},
        views=frozenset(views)
        | {op.name for op in graph.ops if op.kind == "reshape" and home[op.output] == home[op.inputs[0]]},
        arena_bytes=max((_aligned(b.offset + b.n_bytes) for b in blocks), default=0),
        lower_bound_bytes=max(live, default=0),
        peak_op=graph.ops[peak].name if graph.ops else "",
    )
    check_plan(graph, plan)
    return plan


def check_plan(graph: Graph, plan: MemoryPlan) -> None:
    """Raise GraphError unless every op, and the caller in the end, finds the bytes of its operands in place.

    Independent of how the plan was made: it replays the ops over a shadow of the memory, in which each byte carries a
    label of its own for every value that is written.
    """
    memory = {name: np.zeros(graph[name].n_bytes, np.int64) for name in (*graph.inputs, *graph.outputs)}
    memory["arena"] = np.zeros(plan.arena_bytes, np.int64)
    values: dict[str, NDArray[np.int64]] = {}  # the labels of each tensor's bytes
    written = 0

    def write(region: str, start: int, n_bytes: int) -> NDArray[np.int64]:
        nonlocal written
        labels = np.arange(written + 1, written + 1 + n_bytes)
        memory[region][start : start + n_bytes] = labels
        written += n_bytes
        return labels

    def require(name: str, reader: str) -> None:
        place = plan.placements[name]
        held = memory[place.region][place.offset : place.offset + graph[name].n_bytes]
        if not np.array_equal(held, values[name]):
            raise GraphError(f"{reader}: the bytes of {name} are not at {_at(graph, plan, name)}, or were overwritten")

    for name in graph.inputs:
        values[name] = write(name, 0, graph[name].n_bytes)
    for op in graph.ops:
        operands = [name for name in op.inputs if graph[name].data is None]
        for name in operands:
            require(name, op.name)
        if op.name in plan.views:
            values[op.output] = _viewed(op, graph[op.inputs[0]], values[op.inputs[0]])
            require(op.output, op.name)
            continue
        _check_writes(graph, plan, op, operands)
        if op.name in plan.scratch:
            write("arena", plan.scratch[op.name], _scratch_bytes(graph, op))
        place = plan.placements[op.output]
        values[op.output] = write(place.region, place.offset, graph[op.output].n_bytes)
    for name in graph.outputs:
        require(name, f"graph {graph.name}")


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
    spans = {"its result": (place.region, place.offset, place.offset + y.n_bytes)}
    if _scratch_bytes(graph, op):
        start = plan.scratch[op.name]
        spans["its scratch"] = ("arena", start, start + _scratch_bytes(graph, op))
        if _meet(spans["its result"], spans["its scratch"]):
            raise GraphError(f"{op.name}: its result {spans['its result']} meets its scratch {spans['its scratch']}")
    for what, span in spans.items():
        region, start, stop = span
        end = plan.arena_bytes if region == "arena" else graph[region].n_bytes
        if start < 0 or stop > end or start % ALIGNMENT or region in graph.inputs:
            raise GraphError(f"{op.name}: {what} at {span} is misplaced; {region} has {end} B, aligned by {ALIGNMENT}")
        for name in operands:
            source, x = plan.placements[name], graph[name]
            in_place = (
                what == "its result" and OP_SPECS[op.kind].in_place and source == place
                and DTYPE_BYTES[x.dtype] == DTYPE_BYTES[y.dtype]
            )  # fmt: skip
            if not in_place and _meet(span, (source.region, source.offset, source.offset + x.n_bytes)):
                raise GraphError(f"{op.name}: {what} at {span} overwrites its operand {name} before it is read")


def _meet(a: tuple[str, int, int], b: tuple[str, int, int]) -> bool:
    return a[0] == b[0] and max(a[1], b[1]) < min(a[2], b[2])


def _at(graph: Graph, plan: MemoryPlan, name: str) -> str:
    place = plan.placements[name]
    return f"{place.region} [{place.offset}, {place.offset + graph[name].n_bytes})"


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


def _written_to_output(graph: Graph, op: Op) -> str | None:
    """Return the graph output that is a mere reshape of op's result, so that op can write it directly."""
    for user in graph.consumers(op.output):
        if user.kind == "reshape" and user.output in graph.outputs and len(graph.consumers(op.output)) == 1:
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


def _scratch_bytes(graph: Graph, op: Op) -> int:
    return OP_SPECS[op.kind].scratch_bytes(op, graph.operands(op), graph[op.output])


def _aligned(n_bytes: int) -> int:
    return (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


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
        results.append((max((offset + _aligned(b.n_bytes) for b, offset in placed), default=0), placed))
    for block, offset in min(results, key=lambda result: result[0])[1]:
        block.offset = offset


def _first_fit(block: _Storage, placed: list[tuple[_Storage, int]]) -> int:
    offset = 0
    for other, start in sorted(placed, key=lambda entry: entry[1]):
        if other.first <= block.last and block.first <= other.last:
            if offset + block.n_bytes <= start:
                break
            offset = max(offset, start + _aligned(other.n_bytes))
    return offset
