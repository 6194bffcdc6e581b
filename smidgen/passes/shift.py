"""Shifts along time, as in a token's mix with the one before: what is cut off behind is cut after what is put in front.

    pad(slice(x, 0, T - k), k)  =  slice(pad(x, k), 0, T)

The window is the same. Frame by frame only the right side can be read from left to right: what is put in front belongs
to x, and the cut holds each element back by k frames, so that the first that comes out is what was put in front.
"""

from collections.abc import Iterator
from dataclasses import replace

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops.op_spec import integer


def cut_after_padding(graph: Graph) -> Graph:
    """Return an equal graph in which no end is cut off right before something is put in front along the same axis."""
    tensors, ops = dict(graph.tensors), []
    for op in graph.ops:
        cut = _cut_in_front(graph, op)
        if cut is None:
            ops.append(op)
            continue
        axis, y = integer(op, "axis"), graph[op.output]
        added = y.shape[axis] - graph[cut.output].shape[axis]
        length = graph[cut.inputs[0]].shape[axis] + added
        whole = replace(
            y, name=f"{y.name}.uncut", shape=tuple(length if i == axis else size for i, size in enumerate(y.shape))
        )
        tensors[whole.name] = whole
        ops.append(replace(op, inputs=(*op.inputs[:-1], cut.inputs[0]), output=whole.name))
        attrs = {"axis": axis, "start": 0, "stop": y.shape[axis]}
        ops.append(
            replace(op, name=f"{op.name}.shifted", kind="slice", inputs=(whole.name,), output=y.name, attrs=attrs)
        )
    return replace(graph, tensors=tensors).with_ops(_used(graph, ops))


def _cut_in_front(graph: Graph, op: Op) -> Op | None:
    """Return the op that cuts off the end of what this one puts something in front of, None where it does not."""
    if op.kind not in ("pad", "concat") or (op.kind == "pad" and integer(op, "after")):
        return None
    if op.kind == "concat" and any(graph[name].data is None for name in op.inputs[:-1]):
        return None
    cut = graph.producer(op.inputs[-1])
    if cut is None or cut.kind != "slice" or integer(cut, "start") or integer(cut, "axis") != integer(op, "axis"):
        return None
    return cut


def _used(graph: Graph, ops: list[Op]) -> Iterator[Op]:
    """Yield the ops that another one or an output reads."""
    read = {name for op in ops for name in op.inputs} | set(graph.outputs)
    return (op for op in ops if any(name in read for name in op.outputs))
