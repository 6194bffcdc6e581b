"""Lowering of softmax and log-softmax: computed along the last axis, any other brought there and back."""

from collections.abc import Mapping

import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.axes import axis_last, reordered, reordered_result, restore
from smidgen.lowering.builder import TRUTH, Builder, Rule
from smidgen.lowering.operands import aligned, expanded, number, reshaped, stored
from smidgen.models.masked_softmax import masked_softmax as over_seen
from smidgen.numerics.softmax import log_softmax_parameters, softmax_parameters

aten = torch.ops.aten


def softmax(builder: Builder, node: fx.Node) -> None:
    """aten.softmax(x, axis) over any axis; over scores that a mask hides by -inf or a large number too, constant or
    computed: a line of which all is hidden is 0.
    """
    _weights(builder, node, "softmax", arguments(node)["self"], arguments(node)["dim"])


def log_softmax(builder: Builder, node: fx.Node) -> None:
    """aten.log_softmax(x, axis) over any axis."""
    _weights(builder, node, "log_softmax", arguments(node)["self"], arguments(node)["dim"])


def masked_softmax(builder: Builder, node: fx.Node) -> None:
    """models.masked_softmax(x, seen, axis) over any axis."""
    x, seen, axis = node.args
    assert isinstance(x, fx.Node)
    assert isinstance(axis, int)
    _weights(builder, node, "softmax", x, axis, seen)


def _weights(builder: Builder, node: fx.Node, kind: str, source: fx.Node, dim: int, seen: object | None = None) -> None:
    name = builder.op_name(node)
    x, axis = builder.operand(source), builder.axis(node, source, dim)
    y = builder.output(node)
    order = axis_last(len(x.shape), axis)
    operands = [reordered(builder, node, x, order, f"{name}.to_last")]
    if seen is not None:
        operands.append(reordered(builder, node, _shown(builder, node, seen, x), order, f"{name}.seen_to_last"))
    attrs: dict[str, Attribute] = {}
    if not builder.is_float:
        scales = builder.quantization(node, x, y)
        parameters = log_softmax_parameters if kind == "log_softmax" else softmax_parameters
        attrs = dict(integer_attributes(builder.integers(node, lambda: parameters(*scales))))
    found = reordered_result(builder, y, order, name)
    builder.add_op(node, kind, operands, found, attrs=attrs, name=name)
    restore(builder, node, found, y, order, name)


def _shown(builder: Builder, node: fx.Node, seen: object, x: Tensor) -> Tensor:
    """Return truth values in x's shape, but for axes in front along which they are all alike."""
    value = number(builder, seen)
    if value is not None:
        truth = stored(builder, node, value, 1, None if builder.is_float else TRUTH)
    else:
        assert isinstance(seen, fx.Node)
        truth = aligned(builder, node, seen)
    whole = (*[1] * (len(x.shape) - len(truth.shape)), *truth.shape)
    first = next((axis for axis, size in enumerate(whole) if size > 1), len(whole))
    shape = tuple(size if axis >= first else 1 for axis, size in enumerate(x.shape))
    return expanded(builder, node, reshaped(builder, node, truth, whole), shape)


RULES: Mapping[object, Rule] = {
    aten.softmax.int: softmax,
    aten._softmax.default: softmax,
    aten.log_softmax.int: log_softmax,
    aten._log_softmax.default: log_softmax,
    over_seen: masked_softmax,
}
