"""Lowering of arithmetic and choices of several tensors, element by element, shapes broadcast.

Functions of one tensor are `chains` in integers and `functions` in float32.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import TRUTH, Builder, Rule
from smidgen.lowering.functions import add_functions, applied
from smidgen.lowering.layout import rescaled
from smidgen.lowering.operands import aligned, number, operands, scalar, stored, walkable
from smidgen.numerics.elementwise import add_parameters, divide_parameters
from smidgen.numerics.fixed_point import fixed_point

aten = torch.ops.aten

# ---- sums ------------------------------------------------------------------------------------------------------------


def add(builder: Builder, node: fx.Node) -> None:
    """aten.add(a, b, alpha): a + alpha b."""
    given = arguments(node)
    _sum(builder, node, given["self"], given["other"], float(given["alpha"]))


def sub(builder: Builder, node: fx.Node) -> None:
    """aten.sub(a, b, alpha): a - alpha b."""
    given = arguments(node)
    _sum(builder, node, given["self"], given["other"], -float(given["alpha"]))


def rsub(builder: Builder, node: fx.Node) -> None:
    """aten.rsub(a, b, alpha): b - alpha a."""
    given = arguments(node)
    factor, constant = -float(given["alpha"]), scalar(builder, given["other"])
    if constant is None:
        _sum(builder, node, given["other"], given["self"], factor)
    else:
        add_functions(builder, node, ("mul_scalar", {"scalar": factor}), ("add_scalar", {"scalar": constant}))


def _sum(builder: Builder, node: fx.Node, first: Any, second: Any, factor: float) -> None:
    """Add first + factor * second; in integers the factor is part of a multiplier."""
    if not builder.is_float:
        a, b, y = *operands(builder, node, first, second), builder.output(node)
        scales = builder.quantization(node, a, b, y)
        parameters = builder.integers(node, lambda: add_parameters(*scales, factor=factor))
        builder.add_op(node, "add", [a, b], y, attrs=integer_attributes(parameters))
        return
    constant = scalar(builder, second)
    if constant is not None and _keeps_shape(builder, node, first):
        add_functions(builder, node, ("add_scalar", {"scalar": factor * constant}))
        return
    a, b = operands(builder, node, first, second)
    if abs(factor) != 1.0:
        b = applied(builder, node, b, ("mul_scalar", {"scalar": abs(factor)}))
    builder.add_op(node, "sub" if factor < 0 else "add", [a, b], builder.output(node))


# ---- products and quotients ------------------------------------------------------------------------------------------


def mul(builder: Builder, node: fx.Node) -> None:
    """aten.mul(a, b)."""
    given = arguments(node)
    constant = scalar(builder, given["other"])
    if builder.is_float and constant is not None and _keeps_shape(builder, node, given["self"]):
        add_functions(builder, node, ("mul_scalar", {"scalar": constant}))
        return
    _product(builder, node, operands(builder, node, given["self"], given["other"]))


def div(builder: Builder, node: fx.Node) -> None:
    """aten.div(a, b); in integers a constant divisor is a product with its reciprocal."""
    given = arguments(node)
    if given.get("rounding_mode") is not None:
        raise builder.unsupported(node, "a rounded quotient of two tensors is not supported; divide, then round")
    divisor, constant = number(builder, given["other"]), scalar(builder, given["other"])
    if builder.is_float and constant is not None and _keeps_shape(builder, node, given["self"]):
        add_functions(builder, node, ("mul_scalar", {"scalar": 1.0 / constant}))
    elif not builder.is_float and divisor is not None:
        a = aligned(builder, node, given["self"])
        _product(builder, node, walkable(builder, node, [a, stored(builder, node, 1.0 / divisor, 1)]))
    else:
        a, b = operands(builder, node, given["self"], given["other"])
        y = builder.output(node)
        attrs = {}
        if not builder.is_float:
            scales = builder.quantization(node, a, b, y)
            attrs["multiplier"], attrs["shift"] = builder.integers(node, lambda: divide_parameters(*scales))
        builder.add_op(node, "div", [a, b], y, attrs=attrs)


def _product(builder: Builder, node: fx.Node, pair: list[Tensor]) -> None:
    y = builder.output(node)
    a, b = _whole_first(pair, y)
    attrs = {}
    if not builder.is_float:
        first, second, product = builder.quantization(node, a, b, y)
        scale = first.scale * second.scale / product.scale
        multiplier, attrs["shift"] = builder.integers(node, lambda: fixed_point(scale, "mul: ratio of scales"))
        attrs["multiplier"] = int(multiplier[0])
    builder.add_op(node, "mul", [a, b], y, attrs=attrs)


def _whole_first(pair: list[Tensor], y: Tensor) -> list[Tensor]:
    """Return operands whose order is free, the one of the result's shape first: its bytes can take the result."""
    return pair if pair[0].shape == y.shape and pair[0].data is None else pair[::-1]


def _keeps_shape(builder: Builder, node: fx.Node, argument: Any) -> bool:
    """True if an argument is a computed tensor of the result's shape."""
    return number(builder, argument) is None and builder.shape(argument) == builder.shape(node)


# ---- choices ---------------------------------------------------------------------------------------------------------


def maximum(builder: Builder, node: fx.Node) -> None:
    """aten.maximum(a, b)."""
    add_choice(builder, node, "maximum", node.args)


def minimum(builder: Builder, node: fx.Node) -> None:
    """aten.minimum(a, b)."""
    add_choice(builder, node, "minimum", node.args)


def add_choice(builder: Builder, node: fx.Node, kind: str, given: Any) -> None:
    """Add the larger or smaller of two tensors, both in the result's scale."""
    y = builder.output(node)
    pair = walkable(builder, node, [_in_scale_of(builder, node, y, x, i) for i, x in enumerate(given)])
    builder.add_op(node, kind, _whole_first(pair, y), y)


def clamp(builder: Builder, node: fx.Node) -> None:
    """aten.clamp(x, min, max) by tensors."""
    given = arguments(node)
    limits = [(kind, given.get(key)) for kind, key in (("maximum", "min"), ("minimum", "max"))]
    limits = [(kind, limit) for kind, limit in limits if limit is not None]
    y = builder.output(node)
    x = _in_scale_of(builder, node, y, given["self"], 0)
    for index, (kind, limit) in enumerate(limits):
        last = index == len(limits) - 1
        pair = walkable(builder, node, [x, _in_scale_of(builder, node, y, limit, index + 1)])
        x = y if last else builder.add_tensor(builder.unused(f"{node.name}_{kind}"), y.shape, y.qparams)
        builder.add_op(node, kind, pair, x, name=builder.op_name(node, "" if last else f".{kind}"))


def prelu(builder: Builder, node: fx.Node) -> None:
    """aten.prelu(x, slope by channel): the larger of x and slope x, where no slope is above 1."""
    slope = builder.weight(node, node.args[1], "slope")
    rank = node.meta["val"].dim()
    by_channel = slope.reshape(1, -1, *[1] * (rank - 2)) if slope.size > 1 else slope.reshape(1)
    if (slope > 1.0).any() and (slope < 1.0).any():
        raise builder.unsupported(
            node, "slopes below and above 1 in one layer are not supported; clamp its weight to 1"
        )
    y = builder.output(node)
    (x,) = operands(builder, node, node.args[0])
    falling = builder.add_tensor(builder.unused(f"{node.name}_slope"), y.shape, y.qparams)
    factor = stored(builder, node, by_channel, 1)
    attrs = {}
    if not builder.is_float:
        first, second, product = builder.quantization(node, x, factor, falling)
        scale = first.scale * second.scale / product.scale
        multiplier, attrs["shift"] = builder.integers(node, lambda: fixed_point(scale, "prelu: ratio of scales"))
        attrs["multiplier"] = int(multiplier[0])
    builder.add_op(node, "mul", [x, factor], falling, attrs=attrs, name=builder.op_name(node, ".slope"))
    x = rescaled(builder, node, x, y.qparams, builder.op_name(node, ".rescale"))
    builder.add_op(node, "minimum" if (slope > 1.0).any() else "maximum", [falling, x], y)


def where(builder: Builder, node: fx.Node) -> None:
    """aten.where(condition, a, b), branches tensors or scalars."""
    given = arguments(node)
    _select(builder, node, given["condition"], given["self"], given["other"])


def masked_fill(builder: Builder, node: fx.Node) -> None:
    """aten.masked_fill(x, mask, value)."""
    given = arguments(node)
    _select(builder, node, given["mask"], given["value"], given["self"])


def _select(builder: Builder, node: fx.Node, condition: Any, chosen: Any, other: Any) -> None:
    y = builder.output(node)
    mask = number(builder, condition)
    truth = aligned(builder, node, condition) if mask is None else stored(builder, node, mask, 0, TRUTH)
    branches = [_in_scale_of(builder, node, y, x, i) for i, x in enumerate((chosen, other), start=1)]
    builder.add_op(node, "select", walkable(builder, node, [truth, *branches]), y)


def _in_scale_of(builder: Builder, node: fx.Node, y: Tensor, argument: Any, position: int) -> Tensor:
    """Return an operand in y's quantisation."""
    data = number(builder, argument)
    if data is not None:
        return stored(builder, node, data, position, y.qparams)
    x = aligned(builder, node, argument)
    return rescaled(builder, node, x, y.qparams, builder.op_name(node, f".{position}"))


RULES: Mapping[object, Rule] = {
    aten.add.Tensor: add, aten.add.Scalar: add, aten.sub.Tensor: sub, aten.sub.Scalar: sub,
    aten.rsub.Tensor: rsub, aten.rsub.Scalar: rsub,
    aten.mul.Tensor: mul, aten.mul.Scalar: mul,
    aten.div.Tensor: div, aten.div.Scalar: div, aten.div.Tensor_mode: div,
    aten.maximum.default: maximum, aten.minimum.default: minimum, aten.max.other: maximum, aten.min.other: minimum,
    aten.fmax.default: maximum, aten.fmin.default: minimum,
    aten.clamp.Tensor: clamp, aten.clamp_min.Tensor: clamp, aten.clamp_max.Tensor: clamp,
    aten.prelu.default: prelu,
    aten.where.self: where, aten.where.Scalar: where, aten.where.ScalarOther: where, aten.where.ScalarSelf: where,
    aten.masked_fill.Scalar: masked_fill, aten.masked_fill.Tensor: masked_fill,
}  # fmt: skip
