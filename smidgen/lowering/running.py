"""Lowering of operators that tell what all elements so far along an axis add up to."""

from collections.abc import Mapping

import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute
from smidgen.lowering.axes import axis_first, reordered, reordered_result, restore
from smidgen.lowering.builder import Builder, Rule
from smidgen.models.cumulative_mean import cumulative_mean as running_mean
from smidgen.numerics.reduction import mean_parameters, sum_parameters

aten = torch.ops.aten


def cumsum(builder: Builder, node: fx.Node) -> None:
    """aten.cumsum(x, axis) of real numbers; divided by 1, 2, 3, ... a running mean, which does not grow."""
    given = arguments(node)
    _running(builder, node, "running_sum", given["self"], given["dim"])


def cumulative_mean(builder: Builder, node: fx.Node) -> None:
    """models.cumulative_mean(x, axis)."""
    x, axis = node.args
    assert isinstance(x, fx.Node)
    assert isinstance(axis, int)
    _running(builder, node, "running_mean", x, axis)


def cummax(builder: Builder, node: fx.Node) -> None:
    """aten.cummax(x, axis): the values."""
    _running_extremum(builder, node, "running_max")


def cummin(builder: Builder, node: fx.Node) -> None:
    """aten.cummin(x, axis): the values."""
    _running_extremum(builder, node, "running_min")


def _running_extremum(builder: Builder, node: fx.Node, kind: str) -> None:
    given = arguments(node)
    _running(builder, node, kind, given["self"], given["dim"])
    builder.results[node.name] = (builder.values[node.name], None)


def _running(builder: Builder, node: fx.Node, kind: str, source: fx.Node, dim: int) -> None:
    name, x = builder.op_name(node), builder.operand(source)
    axis = builder.axis(node, source, dim)
    order = axis_first(len(x.shape), axis)
    moves = kind in ("running_max", "running_min")
    y = builder.output(node, qparams=x.qparams if moves else None)
    attrs: dict[str, Attribute] = {}
    if not builder.is_float and not moves:
        before, after = builder.quantization(node, x, y)
        parameters = mean_parameters if kind == "running_mean" else sum_parameters
        attrs["multiplier"], attrs["shift"] = builder.integers(node, lambda: parameters(before, after, x.shape[axis]))
    first = reordered(builder, node, x, order, f"{name}.to_first")
    found = reordered_result(builder, y, order, name)
    builder.add_op(node, kind, [first], found, attrs=attrs, name=name)
    restore(builder, node, found, y, order, name)


RULES: Mapping[object, Rule] = {
    aten.cumsum.default: cumsum,
    aten.cummax.default: cummax,
    aten.cummin.default: cummin,
    running_mean: cumulative_mean,
}
