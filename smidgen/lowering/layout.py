"""Lowering of operators that only move elements: they keep the quantisation of their source."""

import math
import operator
from collections.abc import Mapping, Sequence

import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Tensor
from smidgen.lowering.builder import Builder, Rule
from smidgen.numerics.elementwise import rescale_parameters

aten = torch.ops.aten

_TO_THE_END = 2**63 - 1  # torch's end of an open slice
_LARGEST_RANK = 3  # of a transpose kernel


def reshape(builder: Builder, node: fx.Node) -> None:
    """view, reshape, flatten, unsqueeze, squeeze: the same elements under another shape."""
    x = builder.operand(node.args[0])
    shape = builder.shape(node)
    if math.prod(shape) != x.size:
        raise builder.unsupported(node, "it mixes the batch axis with others; keep the batch first and apart")
    y = _moved(builder, node, x)
    builder.add_op(node, "reshape", [x], y, attrs={"shape": shape})


def transpose(builder: Builder, node: fx.Node) -> None:
    """aten.transpose(x, a, b)."""
    rank = _source(node).meta["val"].dim()
    first, second = (arguments(node)[key] % rank for key in ("dim0", "dim1"))
    axes = list(range(rank))
    axes[first], axes[second] = axes[second], axes[first]
    _add_transpose(builder, node, axes)


def permute(builder: Builder, node: fx.Node) -> None:
    """aten.permute(x, axes)."""
    rank = _source(node).meta["val"].dim()
    _add_transpose(builder, node, [axis % rank for axis in arguments(node)["dims"]])


def expand(builder: Builder, node: fx.Node) -> None:
    """aten.expand(x, sizes): copies side by side along every axis of size one that grows."""
    x, shape = builder.operand(node.args[0]), builder.shape(node)
    if shape == x.shape:
        same(builder, node)
        return
    name = builder.op_name(node)
    for axis, count in enumerate(shape):
        if x.shape[axis] != count:
            grown = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            y = (
                _moved(builder, node, x)
                if grown == shape
                else builder.add_tensor(f"{node.name}_{axis}", grown, x.qparams, dtype=x.dtype)
            )
            builder.add_op(node, "concat", [x] * count, y, attrs={"axis": axis}, name=f"{name}.{axis}")
            x = y


def slice_(builder: Builder, node: fx.Node) -> None:
    """aten.slice(x, axis, start, end, step=1)."""
    source, given = _source(node), arguments(node)
    if given["step"] != 1:
        raise builder.unsupported(node, f"a slice with step {given['step']} is not supported; use step 1")
    if given["dim"] == 0 and given["start"] in (None, 0) and given["end"] in (None, _TO_THE_END):
        same(builder, node)  # the ":" of x[:, -1]: every sample
        return
    axis = builder.axis(node, source, given["dim"])
    x = builder.operand(source)
    start, stop, _ = slice(given["start"], given["end"]).indices(x.shape[axis])
    _add_slice(builder, node, _moved(builder, node, x), x, axis, start, stop)


def select(builder: Builder, node: fx.Node) -> None:
    """aten.select(x, axis, index): a slice of one element, then a reshape."""
    source, given = _source(node), arguments(node)
    axis = builder.axis(node, source, given["dim"])
    x = builder.operand(source)
    index = given["index"] % x.shape[axis]
    shape = tuple(1 if i == axis else size for i, size in enumerate(x.shape))
    part = builder.add_tensor(f"{node.name}_part", shape, x.qparams, dtype=x.dtype)
    name = builder.op_name(node)
    builder.add_op(node, "slice", [x], part, attrs={"axis": axis, "start": index, "stop": index + 1}, name=name)
    y = _moved(builder, node, x)
    builder.add_op(node, "reshape", [part], y, attrs={"shape": y.shape}, name=f"{name}.drop_axis")


def getitem(builder: Builder, node: fx.Node) -> None:
    """One part of a split, or the sequence output of a GRU."""
    source, index = _source(node), node.args[1]
    assert isinstance(index, int)
    if source.target is aten.gru.input:
        if index != 0:
            raise builder.unsupported(
                node, "only the GRU's outputs can be used; take its last step for the final state"
            )
        builder.values[node.name] = builder.values[source.name]
        return
    whole = source.args[0]
    assert isinstance(whole, fx.Node)
    axis = builder.axis(source, whole, arguments(source)["dim"])
    x = builder.operand(whole)
    sizes = [piece.shape[axis + 1] for piece in source.meta["val"]]
    start = sum(sizes[:index])
    _add_slice(builder, node, _moved(builder, node, x), x, axis, start, start + sizes[index])


def concat(builder: Builder, node: fx.Node) -> None:
    """aten.cat(tensors, axis): parts in another scale are rescaled first."""
    given = arguments(node)
    axis = builder.axis(node, node, given["dim"])
    y = builder.output(node)
    name = builder.op_name(node)
    inputs = []
    for index, part in enumerate(given["tensors"]):
        inputs.append(match_scale(builder, node, builder.operand(part), y, f"{name}.{index}"))
    builder.add_op(node, "concat", inputs, y, attrs={"axis": axis}, name=name)


def match_scale(builder: Builder, node: fx.Node, x: Tensor, y: Tensor, name: str) -> Tensor:
    """Return x in y's quantisation, rescaled where it differs."""
    if x.qparams == y.qparams:
        return x
    source, target = builder.quantization(node, x, y)
    multiplier, shift = builder.integers(node, lambda: rescale_parameters(source, target))
    rescaled = builder.add_tensor(f"{x.name}_as_{y.name}", x.shape, y.qparams)
    builder.add_op(node, "rescale", [x], rescaled, attrs={"multiplier": multiplier, "shift": shift}, name=name)
    return rescaled


def same(builder: Builder, node: fx.Node) -> None:
    """clone, contiguous, detach, dropout at evaluation: nothing to do."""
    builder.values[node.name] = builder.values[_source(node).name]


def split(builder: Builder, node: fx.Node) -> None:
    """A split computes nothing; each part is taken where it is used."""
    builder.values[node.name] = builder.values[_source(node).name]


def _source(node: fx.Node) -> fx.Node:
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return source


def _moved(builder: Builder, node: fx.Node, x: Tensor) -> Tensor:
    """Add the output of a layout op, quantised as its source."""
    y = builder.add_tensor(node.name, builder.shape(node), x.qparams, dtype=x.dtype)
    builder.values[node.name] = y.name
    return y


def _add_transpose(builder: Builder, node: fx.Node, axes: Sequence[int]) -> None:
    """Add a transpose of a sample; `axes` count the batch, which may stand anywhere, before and after."""
    source, batch = _source(node).meta["val"], builder.program.batch
    sample_axes = [axis for axis in range(len(axes)) if axis != batch.of(source)]
    moved_axes = [axis for position, axis in enumerate(axes) if position != batch.of(node.meta["val"])]
    x = builder.operand(node.args[0])
    if sorted(moved_axes) != sample_axes:  # at a fixed batch of 1: another axis of size one counts as the batch
        moved_axes = [axis for axis in moved_axes if axis in sample_axes]
    permutation = [sample_axes.index(axis) for axis in moved_axes]
    if len(permutation) > _LARGEST_RANK:
        raise builder.unsupported(
            node,
            f"it permutes {len(permutation)} axes besides the batch, at most {_LARGEST_RANK} are supported; "
            "reshape axes that stay together to one first",
        )
    y = _moved(builder, node, x)
    builder.add_op(node, "transpose", [x], y, attrs={"permutation": tuple(permutation)})


def _add_slice(builder: Builder, node: fx.Node, y: Tensor, x: Tensor, axis: int, start: int, stop: int) -> None:
    builder.add_op(node, "slice", [x], y, attrs={"axis": axis, "start": start, "stop": stop})


RULES: Mapping[object, Rule] = {
    aten.view.default: reshape,
    aten._unsafe_view.default: reshape,
    aten.reshape.default: reshape,
    aten.flatten.using_ints: reshape,
    aten.unsqueeze.default: reshape,
    aten.squeeze.dim: reshape,
    aten.transpose.int: transpose,
    aten.permute.default: permute,
    aten.slice.Tensor: slice_,
    aten.select.int: select,
    aten.split.Tensor: split,
    aten.split_with_sizes.default: split,
    aten.chunk.default: split,
    operator.getitem: getitem,
    aten.cat.default: concat,
    aten.clone.default: same,
    aten.contiguous.default: same,
    aten.alias.default: same,
    aten.detach.default: same,
    aten.expand.default: expand,
    aten.dropout.default: same,
}
