"""Lowering of operators that take one value from each line: along one axis or several, the axes kept or not."""

import math
from collections.abc import Mapping

import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Rule
from smidgen.numerics.moment import moment_parameters
from smidgen.numerics.quantization import QParams
from smidgen.numerics.reduction import largest_distance, mean_parameters, sum_parameters

aten = torch.ops.aten


# ---- one axis after the other ----------------------------------------------------------------------------------------


def mean(builder: Builder, node: fx.Node) -> None:
    """aten.mean(x, axes, keepdim) over one axis or several; along time of a stream, of all steps so far."""
    _linear(builder, node, "mean")


def sum_(builder: Builder, node: fx.Node) -> None:
    """aten.sum(x, axes, keepdim) over one axis or several."""
    _linear(builder, node, "sum")


def _linear(builder: Builder, node: fx.Node, kind: str) -> None:
    """Average all axes but the first, and then sum or average that one: in a stream it is time."""
    x, (first, *inner) = _operand_and_axes(builder, node)
    between = None
    if not builder.is_float and inner:
        (source,) = builder.quantization(node, x)
        reach = source.scale * largest_distance(source.dtype, source.zero_point)
        between = source if source.dtype == "int16" else QParams(dtype="int16", scale=reach / 32767)
    factor = 1 if builder.is_float else math.prod(x.shape[axis] for axis in inner)
    while inner:
        run = [axis for place, axis in enumerate(inner) if axis - inner[-1] == place - len(inner) + 1]  # neighbours
        inner = inner[: -len(run)]
        if len(run) > 1:
            shape = (*x.shape[: run[0]], math.prod(x.shape[axis] for axis in run), *x.shape[run[-1] + 1 :])
            merged = builder.add_tensor(builder.unused(f"{node.name}_merged"), shape, x.qparams)
            builder.add_op(node, "reshape", [x], merged, attrs={"shape": shape})
            x = merged
        x = _along(builder, node, "sum" if builder.is_float and kind == "sum" else "mean", x, run[0], between)
    _finish(builder, node, _along(builder, node, kind, x, first, builder.qparams(node), factor=factor))


def _along(
    builder: Builder, node: fx.Node, kind: str, x: Tensor, axis: int, qparams: QParams | None, *, factor: float = 1.0
) -> Tensor:
    """Add the mean of x along an axis, or `factor` times its sum."""
    y = builder.add_tensor(builder.unused(f"{node.name}_{axis}"), _without(x.shape, axis), qparams)
    attrs: dict[str, Attribute] = {"axis": axis}
    if not builder.is_float:
        source, target = builder.quantization(node, x, y)
        parameters = builder.integers(
            node,
            lambda: (
                mean_parameters(source, target, x.shape[axis])
                if kind == "mean"
                else sum_parameters(source, target, x.shape[axis], factor=factor)
            ),
        )
        attrs["multiplier"], attrs["shift"] = parameters
    builder.add_op(node, kind, [x], y, attrs=attrs)
    return y


def amax(builder: Builder, node: fx.Node) -> None:
    """aten.amax(x, axes, keepdim): the largest element over one axis or several, exact."""
    _extremum(builder, node, "max")


def amin(builder: Builder, node: fx.Node) -> None:
    """aten.amin(x, axes, keepdim): the smallest element over one axis or several, exact."""
    _extremum(builder, node, "min")


def _extremum(builder: Builder, node: fx.Node, kind: str) -> None:
    x, axes = _operand_and_axes(builder, node)
    for axis in reversed(axes):
        y = builder.add_tensor(builder.unused(f"{node.name}_{axis}"), _without(x.shape, axis), x.qparams, x.dtype)
        builder.add_op(node, kind, [x], y, attrs={"axis": axis})
        x = y
    _finish(builder, node, x)


def argmax(builder: Builder, node: fx.Node) -> None:
    """aten.argmax(x, axis, keepdim): the index of the first maximum, int32."""
    _position(builder, node, "argmax")


def argmin(builder: Builder, node: fx.Node) -> None:
    """aten.argmin(x, axis, keepdim): the index of the first minimum, int32."""
    _position(builder, node, "argmin")


def _position(builder: Builder, node: fx.Node, kind: str) -> None:
    given = arguments(node)
    if given["dim"] is None:
        raise builder.unsupported(node, "it numbers the elements of all samples; flatten(1) first, and name the axis 1")
    x = builder.operand(node.args[0])
    axis = builder.axis(node, given["self"], given["dim"])
    y = builder.add_tensor(builder.unused(f"{node.name}_{axis}"), _without(x.shape, axis), None, "int32")
    builder.add_op(node, kind, [x], y, attrs={"axis": axis})
    _finish(builder, node, y)


# ---- all axes at once ------------------------------------------------------------------------------------------------


def variance(builder: Builder, node: fx.Node) -> None:
    """aten.var(x, axes, correction, keepdim) over one axis or several, biased or not."""
    _second_moment(builder, node, centred=True, root=False)


def deviation(builder: Builder, node: fx.Node) -> None:
    """aten.std(x, axes, correction, keepdim) over one axis or several, biased or not."""
    _second_moment(builder, node, centred=True, root=True)


def length(builder: Builder, node: fx.Node) -> None:
    """aten.linalg_vector_norm(x, ord, axes, keepdim): lengths of order 1, 2 or infinity."""
    if arguments(node)["ord"] != 2:
        raise builder.unsupported(
            node, f"a length of order {arguments(node)['ord']} is not supported; only 1, 2 and infinity are"
        )
    _second_moment(builder, node, centred=False, root=True)


def _second_moment(builder: Builder, node: fx.Node, *, centred: bool, root: bool) -> None:
    x, axes = _operand_and_axes(builder, node)
    name = builder.op_name(node)
    count = math.prod(x.shape[axis] for axis in axes)
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = (*kept, *axes)
    moved = builder.add_tensor(f"{name}.x_moved", [x.shape[axis] for axis in order], x.qparams)
    rows = builder.add_tensor(f"{name}.x_rows", [*(x.shape[axis] for axis in kept), count], x.qparams)
    builder.add_op(node, "transpose", [x], moved, attrs={"permutation": order}, name=f"{name}.to_last")
    builder.add_op(node, "reshape", [moved], rows, attrs={"shape": rows.shape}, name=f"{name}.to_rows")
    y = builder.add_tensor(f"{name}.y_rows", rows.shape[:-1], builder.qparams(node))
    correction = arguments(node).get("correction", 1)
    divisor = count - (1 if correction is None else correction) if centred else 1
    if divisor <= 0:
        raise builder.unsupported(node, f"the variance of {count} elements with correction {correction} is infinite")
    attrs: dict[str, Attribute] = {"root": root}
    if builder.is_float:
        attrs.update(centred=centred, divisor=float(divisor))
    else:
        source, target = builder.quantization(node, rows, y)
        parameters = builder.integers(
            node, lambda: moment_parameters(source, target, count, divisor=divisor, centred=centred, root=root)
        )
        attrs.update(integer_attributes(parameters))
    builder.add_op(node, "second_moment", [rows], y, attrs=attrs, name=name)
    _finish(builder, node, y)


def _operand_and_axes(builder: Builder, node: fx.Node) -> tuple[Tensor, list[int]]:
    """Return the operand and the axes of one sample that are reduced, in order."""
    given = arguments(node)
    source = node.args[0]
    assert isinstance(source, fx.Node)
    dims = given["dim"] if given.get("dim") else range(source.meta["val"].dim())
    return builder.operand(source), sorted(builder.axis(node, source, dim) for dim in dims)


def _finish(builder: Builder, node: fx.Node, y: Tensor) -> None:
    """Give `node` the value of y, with the axes of size one that keepdim asks for."""
    shape = builder.shape(node)
    if y.shape != shape:
        kept = builder.add_tensor(node.name, shape, y.qparams, y.dtype)
        builder.add_op(node, "reshape", [y], kept, attrs={"shape": shape}, name=builder.op_name(node, ".keepdim"))
        y = kept
    builder.values[node.name] = y.name


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return (*shape[:axis], *shape[axis + 1 :])


RULES: Mapping[object, Rule] = {
    aten.mean.dim: mean,
    aten.sum.dim_IntList: sum_,
    aten.amax.default: amax,
    aten.amin.default: amin,
    aten.argmax.default: argmax,
    aten.argmin.default: argmin,
    aten.var.correction: variance,
    aten.std.correction: deviation,
    aten.linalg_vector_norm.default: length,
}
