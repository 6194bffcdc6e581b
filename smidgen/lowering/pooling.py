"""Lowering of poolings over one axis or two, computed with channels last."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Tensor
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.channels import channels_first, channels_last, last_result
from smidgen.lowering.projections import add_linear
from smidgen.lowering.sliding import per_axis, window_attributes
from smidgen.numerics.pooling import average_pool_parameters

aten = torch.ops.aten

#: Size, stride, dilation and padding of windows, one number for each spatial axis.
_Window = Mapping[str, Sequence[int]]


def max_pool(builder: Builder, node: fx.Node, spatial: int) -> None:
    """aten.max_pool(x, kernel_size, stride, padding, dilation, ceil_mode): values only, not their indices."""
    _add_max_pool(builder, node, _window(builder, node, spatial))


def average_pool(builder: Builder, node: fx.Node, spatial: int) -> None:
    """aten.avg_pool(x, kernel_size, stride, padding, ceil_mode, count_include_pad): padding counts or does not."""
    given = arguments(node)
    if given.get("divisor_override") is not None:
        raise builder.unsupported(node, "a divisor of its own is not supported; multiply the mean by a number instead")
    window = _window(builder, node, spatial)
    padded = any(per_axis(given["padding"], spatial))
    if padded and given["count_include_pad"] and window["pad_before"] != window["pad_after"]:
        raise builder.unsupported(
            node,
            "with ceil_mode its last window reaches beyond the padding, which then counts in part; use "
            "count_include_pad=False, or ceil_mode=False",
        )
    whole = not any(window["pad_before"]) and not any(window["pad_after"])
    x, y = builder.operand(node.args[0]), builder.output(node)
    _add_average_pool(builder, node, x, y, window, count_padding=whole or (padded and given["count_include_pad"]))


def adaptive_max_pool(builder: Builder, node: fx.Node, spatial: int) -> None:
    """aten.adaptive_max_pool(x, output_size): values only, to sizes that make windows alike."""
    window, uneven = _adaptive_window(builder, node, spatial)
    if uneven:
        length = builder.operand(node.args[0]).shape[uneven[0]]
        raise builder.unsupported(
            node,
            f"its windows over {length} elements are of several sizes; ask for an output size that divides {length}, "
            "or pool with a fixed kernel_size",
        )
    _add_max_pool(builder, node, window)


def adaptive_average_pool(builder: Builder, node: fx.Node, spatial: int) -> None:
    """aten.adaptive_avg_pool(x, output_size): to any size; windows of several sizes are a linear layer along time."""
    window, uneven = _adaptive_window(builder, node, spatial)
    x, y = builder.operand(node.args[0]), builder.output(node)
    for number, axis in enumerate(uneven):
        shape = (*x.shape[:axis], y.shape[axis], *x.shape[axis + 1 :])
        # A mean of fewer elements than the result's may lie outside its range, never outside that of the operand.
        averaged = y if shape == y.shape else builder.add_tensor(f"{node.name}_{number}", shape, x.qparams)
        _add_uneven_average(builder, node, x, averaged, axis)
        x = averaged
    if x is not y:
        _add_average_pool(builder, node, x, y, window, count_padding=True)


def _window(builder: Builder, node: fx.Node, spatial: int) -> _Window:
    given = arguments(node)
    size = per_axis(given["kernel_size"], spatial)
    stride = per_axis(given["stride"], spatial) if given["stride"] else size
    padding, dilation = per_axis(given["padding"], spatial), per_axis(given.get("dilation", 1), spatial)
    after = padding
    if given["ceil_mode"]:
        x, result = builder.operand(node.args[0]), builder.shape(node)
        lengths = zip(x.shape[-spatial:], result[-spatial:], size, stride, padding, dilation, strict=True)
        after = [
            max(pad, (count - 1) * step + spread * (taps - 1) + 1 - length - pad)
            for length, count, taps, step, pad, spread in lengths
        ]
    return {"size": size, "stride": stride, "dilation": dilation, "pad_before": padding, "pad_after": after}


def _adaptive_window(builder: Builder, node: fx.Node, spatial: int) -> tuple[_Window, list[int]]:
    """Return the window of adaptive pooling, and the axes along which its windows are of several sizes.

    Along those the window is one element.
    """
    x, result = builder.operand(node.args[0]), builder.shape(node)
    size, stride, uneven = [], [], []
    for axis in range(len(x.shape) - spatial, len(x.shape)):
        spans = _adaptive_spans(x.shape[axis], result[axis])
        widths = {stop - start for start, stop in spans}
        steps = {b - a for (a, _), (b, _) in pairwise(spans)} or {1}
        even = len(widths) == len(steps) == 1
        size.append(widths.pop() if even else 1)
        stride.append(steps.pop() if even else 1)
        uneven += [] if even else [axis]
    ones, zeros = [1] * spatial, [0] * spatial
    return {"size": size, "stride": stride, "dilation": ones, "pad_before": zeros, "pad_after": zeros}, uneven


def _adaptive_spans(length: int, count: int) -> list[tuple[int, int]]:
    """Return start and stop of each of `count` windows over `length` elements, as PyTorch places them."""
    return [(i * length // count, -((i + 1) * length // -count)) for i in range(count)]


def _add_uneven_average(builder: Builder, node: fx.Node, x: Tensor, y: Tensor, axis: int) -> None:
    """Average along one axis, last for the time, by a linear layer whose weights are shares of a window."""
    length, count = x.shape[axis], y.shape[axis]
    weight = np.zeros((count, length))
    for row, (start, stop) in zip(weight, _adaptive_spans(length, count), strict=True):
        row[start:stop] = 1.0 / (stop - start)
    name = builder.op_name(node)
    order = [*(i for i in range(len(x.shape)) if i != axis), axis]
    back = tuple(order.index(i) for i in range(len(order)))
    moved = builder.add_tensor(f"{y.name}_x_moved", [x.shape[i] for i in order], x.qparams)
    found = builder.add_tensor(f"{y.name}_moved", [*moved.shape[:-1], count], y.qparams)
    builder.add_op(node, "transpose", [x], moved, attrs={"permutation": tuple(order)}, name=f"{name}.to_last")
    add_linear(builder, node, moved, found, weight, None, name=name)
    builder.add_op(node, "transpose", [found], y, attrs={"permutation": back}, name=f"{name}.from_last")


def _add_max_pool(builder: Builder, node: fx.Node, window: _Window) -> None:
    spatial, x, name = len(window["size"]), builder.operand(node.args[0]), builder.op_name(node)
    x_last = channels_last(builder, node, x, name, spatial=spatial)
    y = builder.add_tensor(node.name, builder.shape(node), x.qparams)
    y_last = last_result(builder, y, name, spatial=spatial)
    builder.add_op(node, "max_pool", [x_last], y_last, attrs=window_attributes(window, x.shape), name=name)
    channels_first(builder, node, y_last, y, name, spatial=spatial)
    builder.values[node.name] = y.name
    if isinstance(node.meta["val"], tuple):
        builder.results[node.name] = (y.name, None)


def _add_average_pool(
    builder: Builder, node: fx.Node, x: Tensor, y: Tensor, window: _Window, *, count_padding: bool
) -> None:
    spatial, name = len(window["size"]), builder.op_name(node)
    x_last = channels_last(builder, node, x, name, spatial=spatial)
    y_last = last_result(builder, y, name, spatial=spatial)
    attrs = {**window_attributes(window, x.shape), "count_padding": count_padding}
    params = {}
    if not builder.is_float:
        source, target = builder.quantization(node, x, y)
        taps = math.prod(window["size"])
        parameters = builder.integers(
            node, lambda: average_pool_parameters(source, target, taps=taps, count_padding=count_padding)
        )
        params, attrs["shift"] = {"multiplier": parameters.multiplier.astype(np.int32)}, parameters.shift
    builder.add_op(node, "average_pool", [x_last], y_last, params, attrs, name=name)
    channels_first(builder, node, y_last, y, name, spatial=spatial)


def _rule(pool: Callable[[Builder, fx.Node, int], None], spatial: int) -> Rule:
    def rule(builder: Builder, node: fx.Node) -> None:
        pool(builder, node, spatial)

    rule.__doc__ = pool.__doc__
    return rule


RULES: Mapping[object, Rule] = {
    aten.max_pool1d.default: _rule(max_pool, 1),
    aten.max_pool1d_with_indices.default: _rule(max_pool, 1),
    aten.max_pool2d.default: _rule(max_pool, 2),
    aten.max_pool2d_with_indices.default: _rule(max_pool, 2),
    aten.avg_pool1d.default: _rule(average_pool, 1),
    aten.avg_pool2d.default: _rule(average_pool, 2),
    aten.adaptive_max_pool1d.default: _rule(adaptive_max_pool, 1),
    aten.adaptive_max_pool2d.default: _rule(adaptive_max_pool, 2),
    aten.adaptive_avg_pool1d.default: _rule(adaptive_average_pool, 1),
    aten.adaptive_avg_pool2d.default: _rule(adaptive_average_pool, 2),
    aten._adaptive_avg_pool2d.default: _rule(adaptive_average_pool, 2),
}
