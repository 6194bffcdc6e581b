"""Remove work that changes nothing: layout changes that cancel, padding that is cut off, rows that nobody reads.

Each rule looks at one op and returns the smaller graph, or None. Rules run until none applies; every one leaves the
bytes of the outputs as they were, which the tests check on whole models.
"""

from collections.abc import Callable, Container
from dataclasses import replace

import numpy as np

from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS
from smidgen.ir.ops.op_spec import integer, integers
from smidgen.ir.ops.pointwise import SPECS as POINTWISE_SPECS
from smidgen.ir.ops.sliding import window_of
from smidgen.ir.spec import check_graph

_Rule = Callable[[Graph, Op], Graph | None]


def fold(graph: Graph, *, keep_rows: bool = False) -> Graph:
    """Return an equal graph on which no rule applies any more, nor on the bodies of its loops.

    `keep_rows`: do not take the last of the rows of an op in place of the last of its operands' rows, so that constants
    keep all of theirs: what a graph of another length is written from.
    """
    rules = tuple(_cut_rows_behind if keep_rows and rule is _slice_before_rowwise else rule for rule in _RULES)
    graph = _drop_dead(graph)
    graph = replace(
        graph, ops=tuple(op if op.body is None else replace(op, body=fold(op.body)) for op in graph.ops)
    )  # fmt: skip
    while True:
        smaller = next((new for op in graph.ops for rule in rules if (new := rule(graph, op)) is not None), None)
        if smaller is None:
            check_graph(graph)
            return graph
        graph = _drop_dead(smaller)


def _drop_dead(graph: Graph) -> Graph:
    """Keep the ops that an output depends on."""
    needed = set(graph.outputs)
    kept = []
    for op in reversed(graph.ops):
        if any(name in needed for name in op.outputs):
            keeps_more = op.body is not None or any(name in needed for name in op.more)
            kept.append(op if keeps_more else replace(op, more=()))
            needed.update(op.inputs)
    return graph.with_ops(reversed(kept))


# ---- layout ----------------------------------------------------------------------------------------------------------


def _merge_layout(graph: Graph, op: Op) -> Graph | None:
    """transpose(transpose(x)) and reshape(reshape(x)) are one of their kind."""
    source = graph.producer(op.inputs[0]) if op.kind in ("transpose", "reshape") else None
    if source is None or source.kind != op.kind:
        return None
    attrs = dict(op.attrs)
    if op.kind == "transpose":
        first, second = source.attrs["permutation"], op.attrs["permutation"]
        assert isinstance(first, tuple)
        assert isinstance(second, tuple)
        attrs["permutation"] = tuple(first[axis] for axis in second)
    return _replace(graph, op, [replace(op, inputs=source.inputs, attrs=attrs)])


def _drop_identity(graph: Graph, op: Op) -> Graph | None:
    """A transpose, reshape or slice that keeps everything where it is."""
    x, y = graph[op.inputs[0]], graph[op.output]
    if op.kind == "transpose":
        permutation = op.attrs["permutation"]
        assert isinstance(permutation, tuple)
        if permutation != tuple(range(len(permutation))):
            long_axes = [axis for axis in permutation if x.shape[axis] > 1]
            if long_axes != sorted(long_axes):
                return None
            return _replace(graph, op, [replace(op, kind="reshape", attrs={"shape": y.shape})])
    elif op.kind not in ("reshape", "slice") or x.shape != y.shape:
        return None
    if op.output in graph.outputs:
        return _rename_producer(graph, op)
    users = [replace(user, inputs=_renamed(user.inputs, op.output, x.name)) for user in graph.consumers(op.output)]
    return _swap(graph, {op.name: [], **{user.name: [user] for user in users}})


def _sink_transpose(graph: Graph, op: Op) -> Graph | None:
    """f(transpose(x)) = transpose(f(x)) for functions of elements and joins: further down transposes may meet."""
    if op.kind not in (*POINTWISE_SPECS, "concat"):
        return None
    computed_inputs = {name for name in op.inputs if graph[name].data is None}
    sources = {source.output: source for name in computed_inputs if (source := graph.producer(name)) is not None}
    moves = [source for source in sources.values() if source.kind == "transpose"]
    alike = len({source.attrs["permutation"] for source in moves}) == 1 and len(moves) == len(computed_inputs)
    idle = [source for source in moves if _sole_reader(graph, source.output, op)]
    if not alike or not idle or (op.kind != "concat" and len({graph[name].shape for name in op.inputs}) > 1):
        return None
    permutation = integers(moves[0], "permutation")
    back = [permutation.index(axis) for axis in range(len(permutation))]
    constants = {
        name: replace(
            graph[name], name=_unused(f"{name}_moved", graph.tensors), shape=tuple(data.transpose(back).shape),
            data=np.ascontiguousarray(data.transpose(back)),
        )
        for name in op.inputs
        if (data := graph[name].data) is not None
    }  # fmt: skip
    inputs = tuple(constants[name].name if name in constants else sources[name].inputs[0] for name in op.inputs)
    y = graph[op.output]
    inner = replace(y, name=_unused(f"{y.name}_moved", graph.tensors), shape=tuple(y.shape[axis] for axis in back))
    attrs = {**op.attrs, "axis": permutation[integer(op, "axis")]} if op.kind == "concat" else op.attrs
    computed = replace(op, inputs=inputs, output=inner.name, attrs=attrs)
    moved = replace(idle[0], inputs=(inner.name,), output=y.name, clock=op.clock)
    gone: dict[str, list[Op]] = {source.name: [] for source in idle}
    return _swap(graph, {**gone, op.name: [computed, moved]}, [inner, *constants.values()])


def _reduce_before_transpose(graph: Graph, op: Op) -> Graph | None:
    """reduce(transpose(x)) = transpose(reduce(x)), and nothing is transposed where the other axes keep their order."""
    source = _sole_source(graph, op, ("transpose",)) if op.kind in _REDUCTIONS else None
    if source is None:
        return None
    permutation = integers(source, "permutation")
    axis = permutation[integer(op, "axis")]
    kept = [other for other in permutation if other != axis]
    reduced = replace(op, inputs=source.inputs, attrs={**op.attrs, "axis": axis})
    if kept == sorted(kept):
        return _swap(graph, {source.name: [], op.name: [reduced]})
    x, y = graph[source.inputs[0]], graph[op.output]
    shape = tuple(size for i, size in enumerate(x.shape) if i != axis)
    inner = replace(y, name=_unused(f"{y.name}_moved", graph.tensors), shape=shape)
    order = tuple(sorted(kept).index(other) for other in kept)
    moved = replace(source, inputs=(inner.name,), output=y.name, attrs={"permutation": order}, clock=op.clock)
    return _swap(graph, {source.name: [], op.name: [replace(reduced, output=inner.name), moved]}, [inner])


def _multiply_transposed(graph: Graph, op: Op) -> Graph | None:
    """a transpose(b), the last two axes changing places, is a product with b transposed."""
    source = graph.producer(op.inputs[1]) if op.kind == "matmul" else None
    if source is None or source.kind != "transpose":
        return None
    *leading, row, column = range(len(integers(source, "permutation")))
    if integers(source, "permutation") != (*leading, column, row):
        return None
    attrs = {**op.attrs, "transposed": not op.attrs["transposed"]}
    return _replace(graph, op, [replace(op, inputs=(op.inputs[0], source.inputs[0]), attrs=attrs)])


def _sole_reader(graph: Graph, tensor: str, op: Op) -> bool:
    """Return whether nothing but op reads a tensor."""
    return tensor not in graph.outputs and all(reader is op for reader in graph.consumers(tensor))


def _rename_producer(graph: Graph, op: Op) -> Graph | None:
    """Let the producer of a layout op's source write the graph's output itself."""
    source = graph.producer(op.inputs[0])
    if source is None or op.inputs[0] in graph.outputs or source.clock != op.clock or op.inputs[0] in source.more:
        return None
    readers = [reader for reader in graph.consumers(op.inputs[0]) if reader is not op]
    renamed = {r.name: [replace(r, inputs=_renamed(r.inputs, op.inputs[0], op.output))] for r in readers}
    return _swap(graph, {op.name: [], source.name: [replace(source, output=op.output)], **renamed})


# ---- slices ----------------------------------------------------------------------------------------------------------


def _slice_before_transpose(graph: Graph, op: Op) -> Graph | None:
    """slice(transpose(x)) = transpose(slice(x))."""
    source = _sole_source(graph, op, ("transpose",)) if op.kind == "slice" else None
    if source is None:
        return None
    permutation = source.attrs["permutation"]
    axis = op.attrs["axis"]
    assert isinstance(permutation, tuple)
    assert isinstance(axis, int)
    x, y = graph[source.inputs[0]], graph[op.output]
    part, part_op = _sliced(graph, op, x, axis=permutation[axis])
    moved = replace(source, inputs=(part.name,), output=y.name, clock=op.clock)
    return _swap(graph, {source.name: [], op.name: [part_op, moved]}, [part])


def _slice_before_rowwise(graph: Graph, op: Op) -> Graph | None:
    """A slice of rows of an op that treats each row alone: compute only those rows."""
    source = _sole_source(graph, op, _ROWWISE) if op.kind == "slice" and op.attrs["axis"] == 0 else None
    if source is None or len(graph[source.output].shape) < 2 or source.attrs.get("axis") == 0:
        return None
    rank = len(graph[source.output].shape)
    parts = {
        name: _sliced(graph, op, graph[name], axis=0, index=index)
        for index, name in enumerate(dict.fromkeys(source.inputs))
        if len(graph[name].shape) == rank and graph[name].shape[0] > 1  # others serve every row
    }
    inputs = tuple(parts[name][0].name if name in parts else name for name in source.inputs)
    moved = replace(source, inputs=inputs, output=op.output, clock=op.clock)
    computed = [part_op for part, part_op in parts.values() if part.data is None]
    return _swap(graph, {source.name: [], op.name: [*computed, moved]}, [part for part, _ in parts.values()])


def _cut_rows_behind(graph: Graph, op: Op) -> Graph | None:
    """As `_slice_before_rowwise`, where the first row is kept."""
    return _slice_before_rowwise(graph, op) if op.kind == "slice" and op.attrs["start"] == 0 else None


def _cut_window(graph: Graph, op: Op) -> Graph | None:
    """Rows or columns of a convolution or pooling that only the padding behind makes, and that are cut: pad less."""
    source = _sole_source(graph, op, ("conv2d", "average_pool", "max_pool")) if op.kind == "slice" else None
    if source is None or op.attrs["start"] != 0:
        return None
    axis, rank = op.attrs["axis"], len(graph[op.output].shape)
    assert isinstance(axis, int)
    spatial = axis - max(rank - 3, 0)  # 0 for rows, 1 for columns
    if spatial < 0 or axis == rank - 1:
        return None
    window, full, kept = window_of(source), graph[source.output].shape[axis], graph[op.output].shape[axis]
    surplus = (full - kept) * window.stride[spatial]
    if surplus > window.pad_after[spatial]:
        return None
    less = tuple(pad - surplus * (i == spatial) for i, pad in enumerate(window.pad_after))
    cut = replace(source, output=op.output, attrs={**source.attrs, "pad_after": less})
    return _replace(graph, op, [cut], removed=source)


_REDUCTIONS = ("mean", "sum", "max", "min", "argmax", "argmin")
_ROWWISE = tuple(kind for kind, spec in OP_SPECS.items() if spec.time == "pointwise" or kind == "concat")

_RULES: tuple[_Rule, ...] = (
    _merge_layout, _drop_identity, _sink_transpose, _reduce_before_transpose, _multiply_transposed,
    _slice_before_transpose, _cut_window, _slice_before_rowwise,
)  # fmt: skip


# ---- helpers ---------------------------------------------------------------------------------------------------------


def _sole_source(graph: Graph, op: Op, kinds: tuple[str, ...]) -> Op | None:
    """Return the op that makes op's input, if it is of one of `kinds` and nothing else reads its result."""
    source = graph.producer(op.inputs[0])
    if source is None or source.kind not in kinds or source.output in graph.outputs:
        return None
    return source if len(graph.consumers(source.output)) == 1 else None


def _sliced(graph: Graph, op: Op, x: Tensor, *, axis: int, index: int = 0) -> tuple[Tensor, Op]:
    """Return the slice of x along `axis` with the bounds of `op`, as a tensor and the op that makes it."""
    start, stop = op.attrs["start"], op.attrs["stop"]
    assert isinstance(start, int)
    assert isinstance(stop, int)
    shape = tuple(stop - start if i == axis else size for i, size in enumerate(x.shape))
    data = None if x.data is None else np.ascontiguousarray(x.data.take(range(start, stop), axis=axis))
    name = _unused(f"{x.name}_{axis}_{start}_{stop}", graph.tensors)
    op_name = _unused(f"{op.name}.{index}", {other.name for other in graph.ops}) if index else op.name
    part = replace(x, name=name, shape=shape, data=data)
    return part, Op(
        name=op_name, kind="slice", inputs=(x.name,), output=name,
        attrs={"axis": axis, "start": start, "stop": stop}, clock=op.clock,
    )  # fmt: skip


def _unused(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _renamed(names: tuple[str, ...], old: str, new: str) -> tuple[str, ...]:
    return tuple(new if name == old else name for name in names)


def _replace(graph: Graph, op: Op, new_ops: list[Op], removed: Op | None = None) -> Graph:
    return _swap(graph, {op.name: new_ops, **({removed.name: []} if removed else {})})


def _swap(graph: Graph, replacements: dict[str, list[Op]], new_tensors: list[Tensor] | None = None) -> Graph:
    """Replace ops by name, in place in the order."""
    ops = [new for op in graph.ops for new in replacements.get(op.name, [op])]
    return graph.with_ops(ops, new_tensors or [])
