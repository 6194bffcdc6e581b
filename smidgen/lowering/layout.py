"""Lowering of operators that join tensors, put values around them, or only move elements (`moves`)."""

import operator
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import MOVES, SPLITS, arguments, pads_zeros
from smidgen.ir.graph import Attribute, Tensor
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.lowering.moves import move, part
from smidgen.numerics.elementwise import rescale_parameters
from smidgen.numerics.quantization import QParams

aten = torch.ops.aten


def split(builder: Builder, node: fx.Node) -> None:
    """A split computes nothing; each part is taken where it is used."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    builder.values[node.name] = builder.operand(source).name


def getitem(builder: Builder, node: fx.Node) -> None:
    """One part of a split, or one of several results."""
    source, index = node.args
    assert isinstance(source, fx.Node)
    assert isinstance(index, int)
    if source.target in SPLITS:
        part(builder, node)
        return
    if source.name in builder.results:
        result = builder.results[source.name][index]
        if result is None:
            raise builder.unsupported(node, f"result {index} of {source.target} is not computed; use the values only")
        builder.values[node.name] = result
        return
    builder.values[node.name] = builder.values[source.name]


# ---- joining ---------------------------------------------------------------------------------------------------------


def concat(builder: Builder, node: fx.Node) -> None:
    """aten.cat(tensors, axis)."""
    given = arguments(node)
    if builder.program.batch.of(node.meta["val"]) is None:  # samples side by side: one sample has every part once
        axis = given["dim"] % node.meta["val"].dim()
        shapes = [builder.full_shape(x) for x in given["tensors"]]
    else:
        axis = builder.axis(node, node, given["dim"])
        shapes = [builder.shape(x) for x in given["tensors"]]
    add_join(builder, node, axis, list(zip(given["tensors"], shapes, strict=True)))


def stack(builder: Builder, node: fx.Node) -> None:
    """aten.stack(tensors, axis): each part gets the new axis, then they are joined along it."""
    given = arguments(node)
    axis = builder.axis(node, node, given["dim"])
    whole = builder.shape(node)
    shape = (*whole[:axis], 1, *whole[axis + 1 :])
    add_join(builder, node, axis, [(x, shape) for x in given["tensors"]])


def slice_scatter(builder: Builder, node: fx.Node) -> None:
    """aten.slice_scatter(x, values, axis, start, end): x with a span of one axis replaced (y[:, 1:] = values)."""
    given = arguments(node)
    axis = builder.axis(node, node, given["dim"])
    shape = builder.shape(node)
    start, stop, _ = slice(given["start"], given["end"]).indices(shape[axis])
    _add_replacement(builder, node, axis, start, stop)


def select_scatter(builder: Builder, node: fx.Node) -> None:
    """aten.select_scatter(x, values, axis, index): x with one position along an axis replaced (y[:, 0] = values)."""
    given = arguments(node)
    axis = builder.axis(node, node, given["dim"])
    index = given["index"] % builder.shape(node)[axis]
    _add_replacement(builder, node, axis, index, index + 1)


def _add_replacement(builder: Builder, node: fx.Node, axis: int, start: int, stop: int) -> None:
    """Join what of the first argument stands before a span, the second argument, and what stands behind."""
    x, values = node.args[:2]
    assert isinstance(x, fx.Node)
    assert isinstance(values, fx.Node)
    whole = builder.shape(node)
    parts: list[tuple[fx.Node | Tensor | Floats, Sequence[int]]] = []
    for first, end, source in ((0, start, x), (start, stop, values), (stop, whole[axis], x)):
        if first == end:
            continue
        shape = (*whole[:axis], end - first, *whole[axis + 1 :])
        if source is values:
            parts.append((values, shape))
        elif (data := builder.constant(x)) is not None:
            parts.append((np.broadcast_to(builder.of_sample(node, data), whole).take(range(first, end), axis), shape))
        else:
            old = builder.operand(x)
            kept = builder.add_tensor(builder.unused(f"{node.name}_kept"), shape, old.qparams, dtype=old.dtype)
            attrs: dict[str, Attribute] = {"axis": axis, "start": first, "stop": end}
            builder.add_op(node, "slice", [old], kept, attrs=attrs, name=builder.op_name(node, ".kept"))
            parts.append((kept, shape))
    add_join(builder, node, axis, parts)


def add_join(
    builder: Builder, node: fx.Node, axis: int, parts: Sequence[tuple[fx.Node | Tensor | Floats, Sequence[int]]]
) -> None:
    """Join parts, each given with the shape that it has in the result, along an axis.

    Parts in another scale are rescaled first; constants are stored in the result's scale; zeros at an end are padding.
    """
    y, name = builder.output(node), builder.op_name(node)
    values = [_constant_part(builder, node, part, shape) for part, shape in parts]
    silent = [value is not None and not value.any() for value in values]
    first, last = silent.index(False), len(silent) - silent[::-1].index(False)
    before, after = (
        sum(shape[axis] for _, shape in span) for span in (parts[:first], parts[last:])
    )  # zeros in front and behind
    inner_shape = tuple(size - (before + after if i == axis else 0) for i, size in enumerate(y.shape))
    inner = y if inner_shape == y.shape else builder.add_tensor(f"{node.name}_inner", inner_shape, y.qparams, y.dtype)
    inputs = []
    for index in range(first, last):
        part, shape = parts[index]
        value = values[index]
        if value is not None:
            data = value.astype(np.float32) if y.qparams is None else y.qparams.quantize(value).astype(y.dtype)
            inputs.append(builder.add_tensor(f"{node.name}_constant_{index}", shape, y.qparams, data=data))
        else:
            x = part if isinstance(part, Tensor) else builder.operand(part)
            shaped = _reshaped(builder, node, x, shape, f"{name}.{index}.reshape")
            inputs.append(rescaled(builder, node, shaped, y.qparams, f"{name}.{index}"))
    inner_name = name if inner is y else f"{name}.inner"
    if inner is y or len(inputs) > 1:
        builder.add_op(node, "concat", inputs, inner, attrs={"axis": axis}, name=inner_name)
    else:
        inner = inputs[0]
    if inner is not y:
        attrs: dict[str, Attribute] = {"axis": axis, "before": before, "after": after, "fill": _zero(y)}
        builder.add_op(node, "pad", [inner], y, attrs=attrs, name=name)


def _constant_part(
    builder: Builder, node: fx.Node, part: fx.Node | Tensor | Floats, shape: Sequence[int]
) -> Floats | None:
    if isinstance(part, Tensor):
        return None
    data = part if isinstance(part, np.ndarray) else builder.constant(part)
    return None if data is None else np.ascontiguousarray(data.reshape(shape))


def _reshaped(builder: Builder, node: fx.Node, x: Tensor, shape: Sequence[int], name: str) -> Tensor:
    if x.shape == tuple(shape):
        return x
    y = builder.add_tensor(builder.unused(f"{x.name}_for_{node.name}"), shape, x.qparams, dtype=x.dtype)
    builder.add_op(node, "reshape", [x], y, attrs={"shape": tuple(shape)}, name=name)
    return y


def rescaled(builder: Builder, node: fx.Node, x: Tensor, qparams: QParams | None, name: str) -> Tensor:
    """Return x in another quantisation; `name` is that of the op that this takes."""
    if x.qparams == qparams:
        return x
    y = builder.add_tensor(builder.unused(f"{x.name}_as_{node.name}"), x.shape, qparams)
    source, target = builder.quantization(node, x, y)
    multiplier, shift = builder.integers(node, lambda: rescale_parameters(source, target))
    builder.add_op(node, "rescale", [x], y, attrs={"multiplier": multiplier, "shift": shift}, name=name)
    return y


# ---- padding ---------------------------------------------------------------------------------------------------------


def pad(builder: Builder, node: fx.Node) -> None:
    """aten.pad(x, widths, mode, value): a value around x; negative widths cut, other modes than "constant" move."""
    given = arguments(node)
    if given.get("mode", "constant") != "constant":
        move(builder, node)
        return
    source = node.args[0]
    assert isinstance(source, fx.Node)
    largest = float(np.finfo(np.float32).max)
    x, value = builder.operand(source), min(max(float(given["value"] or 0.0), -largest), largest)
    qparams = x.qparams if pads_zeros(node) else builder.qparams(node)
    x = rescaled(builder, node, x, qparams, builder.op_name(node, ".rescale"))
    fill = float(value) if x.is_float else _zero(x) if qparams is None else int(qparams.quantize(np.asarray(value)))
    for pair in range(len(given["pad"]) // 2):
        before, after = given["pad"][2 * pair : 2 * pair + 2]
        x = _padded(builder, node, x, builder.axis(node, source, -1 - pair), before, after, fill)
    builder.values[node.name] = x.name


def _padded(builder: Builder, node: fx.Node, x: Tensor, axis: int, before: int, after: int, fill: float) -> Tensor:
    """Return x with `fill` at both ends of an axis; a negative width cuts that many elements off."""
    cut = (max(-before, 0), x.shape[axis] - max(-after, 0))
    if cut != (0, x.shape[axis]):
        shape = tuple(cut[1] - cut[0] if i == axis else size for i, size in enumerate(x.shape))
        y = builder.add_tensor(builder.unused(f"{node.name}_cut"), shape, x.qparams, dtype=x.dtype)
        attrs: dict[str, Attribute] = {"axis": axis, "start": cut[0], "stop": cut[1]}
        builder.add_op(node, "slice", [x], y, attrs=attrs, name=builder.op_name(node, ".cut"))
        x = y
    before, after = max(before, 0), max(after, 0)
    if before or after:
        shape = tuple(size + (before + after if i == axis else 0) for i, size in enumerate(x.shape))
        y = builder.add_tensor(builder.unused(f"{node.name}_padded"), shape, x.qparams, dtype=x.dtype)
        attrs = {"axis": axis, "before": before, "after": after, "fill": fill}
        builder.add_op(node, "pad", [x], y, attrs=attrs, name=builder.op_name(node, f".{axis}"))
        x = y
    return x


def _zero(x: Tensor) -> float | int:
    """Return what stands for 0 in a tensor's type."""
    return 0.0 if x.is_float else x.zero_point


RULES: Mapping[object, Rule] = {
    **dict.fromkeys(MOVES, move), **dict.fromkeys(SPLITS, split), operator.getitem: getitem,
    aten.cat.default: concat, aten.stack.default: stack,
    aten.slice_scatter.default: slice_scatter, aten.select_scatter.default: select_scatter,
    aten.pad.default: pad, aten.constant_pad_nd.default: pad,
}  # fmt: skip
