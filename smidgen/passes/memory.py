"""Where each tensor lives: the user's buffers, flash, or an offset in the arena; and a proof that no two collide."""

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS

ALIGNMENT = 4

#: Ops whose kernel reads element i of its first input before it writes element i of its output.
_IN_PLACE = frozenset({"table", "pointwise", "rescale", "add", "sub", "mul", "div", "select", "rms_norm", "layer_norm"})


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
        elif _written_to_output(graph, op) is not None:
            home[op.output] = (str(_written_to_output(graph, op)), 0)
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
    """Raise GraphError if any op would write over bytes that a later op still reads, or leave the arena.

    Independent of how the plan was made: it replays the ops and tracks which tensor's value each byte holds.
    """
    last_use = _last_use(graph)
    live: dict[str, tuple[int, int]] = {}  # arena tensors whose value is still needed
    views = _views(graph)
    for index, op in enumerate(graph.ops):
        written = [(op.output, _span(plan, graph[op.output]))] if op.name not in views else []
        size = _scratch_bytes(graph, op)
        if size:
            written.append((f"{op.name} scratch", (plan.scratch[op.name], plan.scratch[op.name] + size)))
        for what, span in written:
            if span is None:
                continue
            if span[0] < 0 or span[1] > plan.arena_bytes or span[0] % ALIGNMENT:
                raise GraphError(f"{op.name}: {what} at {span} is misplaced in an arena of {plan.arena_bytes} B")
            for name, other in live.items():
                dying_operand = name in op.inputs and last_use[name] == index
                in_place = dying_operand and what == op.output and op.kind in _IN_PLACE and other == span
                if not in_place and max(span[0], other[0]) < min(span[1], other[1]):
                    raise GraphError(f"{op.name}: {what} at {span} overwrites {name} at {other}, which is still needed")
        if len(written) == 2 and written[0][1] and written[1][1]:
            (_, a), (_, b) = written
            if a and b and max(a[0], b[0]) < min(a[1], b[1]):
                raise GraphError(f"{op.name}: output at {a} overlaps its scratch at {b}")
        span = _span(plan, graph[op.output])
        if span is not None:
            live[op.output] = span
        live = {name: span for name, span in live.items() if last_use.get(name, -1) > index}


def _span(plan: MemoryPlan, tensor: Tensor) -> tuple[int, int] | None:
    placement = plan.placements[tensor.name]
    return (placement.offset, placement.offset + tensor.n_bytes) if placement.region == "arena" else None


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
    if op.kind not in _IN_PLACE or op.inputs[0] not in home:
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
