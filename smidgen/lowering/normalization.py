"""Lowering of norms: of rows, and of groups of channels over all places."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.lowering.channels import channels_first, channels_last, last_result
from smidgen.numerics.norm import norm_parameters

aten = torch.ops.aten


def rms_norm(builder: Builder, node: fx.Node) -> None:
    """aten.rms_norm(x, shape, weight, eps) over the last axes."""
    given = arguments(node)
    eps = float(np.finfo(np.float32).eps) if given["eps"] is None else given["eps"]
    _norm_of_rows(builder, node, given["normalized_shape"], eps, kind="rms_norm")


def layer_norm(builder: Builder, node: fx.Node) -> None:
    """aten.layer_norm(x, shape, weight, bias, eps) over the last axes."""
    given = arguments(node)
    _norm_of_rows(builder, node, given["normalized_shape"], given["eps"], kind="layer_norm")


def _norm_of_rows(builder: Builder, node: fx.Node, normalised: Sequence[int], eps: float, *, kind: str) -> None:
    x, y, name = builder.operand(node.args[0]), builder.output(node), builder.op_name(node)
    gain, bias = _gain_and_bias(builder, node, math.prod(normalised))
    if len(normalised) == 1:
        _add_norm(builder, node, kind, x, y, gain, bias, eps, name=name)
        return
    rows = (*x.shape[: -len(normalised)], math.prod(normalised))
    x_rows, y_rows = (
        builder.add_tensor(f"{name}.x_rows", rows, x.qparams),
        builder.add_tensor(f"{name}.y_rows", rows, y.qparams),
    )
    builder.add_op(node, "reshape", [x], x_rows, attrs={"shape": rows}, name=f"{name}.to_rows")
    _add_norm(builder, node, kind, x_rows, y_rows, gain, bias, eps, name=name)
    builder.add_op(node, "reshape", [y_rows], y, attrs={"shape": y.shape}, name=f"{name}.from_rows")


def group_norm(builder: Builder, node: fx.Node) -> None:
    """aten.group_norm(x, groups, weight, bias, eps), computed with channels last."""
    given = arguments(node)
    _norm_of_groups(builder, node, given["num_groups"], given["eps"])


def instance_norm(builder: Builder, node: fx.Node) -> None:
    """aten.instance_norm(x, weight, bias, ...): by the input's own statistics, or by stored ones."""
    _norm_of_groups(builder, node, int(node.meta["val"].shape[1]), arguments(node)["eps"])


def _norm_of_groups(builder: Builder, node: fx.Node, groups: int, eps: float) -> None:
    spatial = node.meta["val"].dim() - 2
    x, y, name = builder.operand(node.args[0]), builder.output(node), builder.op_name(node)
    gain, bias = _gain_and_bias(builder, node, x.shape[len(x.shape) - spatial - 1])
    x_last = channels_last(builder, node, x, name, spatial=spatial)
    y_last = last_result(builder, y, name, spatial=spatial)
    attrs: dict[str, Attribute] = {"groups": groups, "spatial": spatial}
    count = math.prod(x_last.shape[len(x.shape) - spatial - 1 :]) // groups
    _add_norm(builder, node, "group_norm", x_last, y_last, gain, bias, eps, name=name, attrs=attrs, count=count)
    channels_first(builder, node, y_last, y, name, spatial=spatial)


def _gain_and_bias(builder: Builder, node: fx.Node, width: int) -> tuple[Floats, Floats]:
    """Return the arguments `weight` and `bias` of a norm as vectors, 1 and 0 where there are none."""
    given = arguments(node)
    weight, shift = given["weight"], given.get("bias")
    gain = np.ones(width) if weight is None else builder.weight(node, weight, "weight").reshape(-1)
    return gain, np.zeros(width) if shift is None else builder.weight(node, shift, "bias").reshape(-1)


def _add_norm(
    builder: Builder,
    node: fx.Node,
    kind: str,
    x: Tensor,
    y: Tensor,
    gain: Floats,
    bias: Floats,
    eps: float,
    *,
    name: str,
    attrs: Mapping[str, Attribute] | None = None,
    count: int | None = None,
) -> None:
    """Append one op for gain and bias (d,); `count` elements are normalised together, by default d."""
    placed = dict(attrs or {})
    if builder.is_float:
        arrays = {"gain": gain.astype(np.float32), "bias": bias.astype(np.float32)}
        if kind == "rms_norm":
            del arrays["bias"]
        builder.add_op(node, kind, [x], y, arrays, {"eps": eps, **placed}, name=name)
        return
    source, target = builder.quantization(node, x, y)
    parameters = builder.integers(
        node,
        lambda: norm_parameters(gain, bias, eps, source, target, centred=kind != "rms_norm", count=count),
    )
    arrays = {"gain": parameters.gain.astype(np.int16), "bias": parameters.bias.astype(np.int32)}
    builder.add_op(node, kind, [x], y, arrays, {**integer_attributes(parameters), **placed}, name=name)


RULES: Mapping[object, Rule] = {
    aten.rms_norm.default: rms_norm,
    aten.layer_norm.default: layer_norm,
    aten.group_norm.default: group_norm,
    aten.instance_norm.default: instance_norm,
}
