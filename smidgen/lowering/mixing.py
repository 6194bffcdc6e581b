"""Lowering of operators that mix the elements of a row or of a window: norms, mean, argmax."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.numerics.norm import norm_parameters
from smidgen.numerics.quantization import QParams
from smidgen.numerics.reduction import mean_parameters

aten = torch.ops.aten


def rms_norm(builder: Builder, node: fx.Node) -> None:
    """aten.rms_norm(x, shape, weight, eps) over the last axis."""
    eps = arguments(node)["eps"]
    _norm(builder, node, None, float(np.finfo(np.float32).eps) if eps is None else eps, kind="rms_norm")


def layer_norm(builder: Builder, node: fx.Node) -> None:
    """aten.layer_norm(x, shape, weight, bias, eps) over the last axis."""
    given = arguments(node)
    _norm(builder, node, given["bias"], given["eps"], kind="layer_norm")


def _norm(builder: Builder, node: fx.Node, shift: fx.Node | None, eps: float, *, kind: str) -> None:
    given = arguments(node)
    normalised, weight = given["normalized_shape"], given["weight"]
    if len(normalised) != 1:
        raise builder.unsupported(node, f"it normalises over axes of sizes {normalised}; only the last is supported")
    x, y = builder.operand(node.args[0]), builder.output(node)
    width = x.shape[-1]
    gain: Floats = np.ones(width) if weight is None else builder.weight(node, weight, "weight")
    bias: Floats = np.zeros(width) if shift is None else builder.weight(node, shift, "bias")
    if builder.is_float:
        params = {"gain": gain.astype(np.float32)}
        if kind == "layer_norm":
            params["bias"] = bias.astype(np.float32)
        builder.add_op(node, kind, [x], y, params, {"eps": eps})
        return
    source, target = builder.quantization(node, x, y)
    parameters = builder.integers(
        node, lambda: norm_parameters(gain, bias, eps, source, target, centred=kind == "layer_norm")
    )
    arrays = {"gain": parameters.gain.astype(np.int16), "bias": parameters.bias.astype(np.int32)}
    builder.add_op(node, kind, [x], y, arrays, integer_attributes(parameters))


def mean(builder: Builder, node: fx.Node) -> None:
    """aten.mean(x, [axis], keepdim) over one axis."""
    axes = arguments(node)["dim"]
    if axes is None or len(axes) != 1:
        raise builder.unsupported(node, f"a mean over axes {axes} is not supported; average one axis at a time")
    x, axis, y = _reduced(builder, node, axes[0], builder.qparams(node))
    attrs: dict[str, Attribute] = {"axis": axis}
    if not builder.is_float:
        source, target = builder.quantization(node, x, y)
        multiplier, shift = builder.integers(node, lambda: mean_parameters(source, target, x.shape[axis]))
        attrs.update(multiplier=multiplier, shift=shift)
    builder.add_op(node, "mean", [x], y, attrs=attrs)
    _keep_axis(builder, node, y)


def argmax(builder: Builder, node: fx.Node) -> None:
    """aten.argmax(x, axis, keepdim): the index of the first maximum, int32."""
    axis = arguments(node)["dim"]
    if axis is None:
        raise builder.unsupported(node, "an argmax over the whole tensor is not supported; name its axis")
    x, axis, y = _reduced(builder, node, axis, None, dtype="int32")
    builder.add_op(node, "argmax", [x], y, attrs={"axis": axis})
    _keep_axis(builder, node, y)


def _reduced(
    builder: Builder, node: fx.Node, axis: int, qparams: QParams | None, dtype: str | None = None
) -> tuple[Tensor, int, Tensor]:
    """Add the result of a reduction; return its operand, its axis without batch, and the result without that axis."""
    source = arguments(node)["self"]
    x, inner_axis = builder.operand(source), builder.axis(node, source, axis)
    shape = tuple(size for i, size in enumerate(x.shape) if i != inner_axis)
    name = f"{node.name}_dropped" if arguments(node)["keepdim"] else node.name
    y = builder.add_tensor(name, shape, qparams, dtype)
    builder.values[node.name] = y.name
    return x, inner_axis, y


def _keep_axis(builder: Builder, node: fx.Node, y: Tensor) -> None:
    """Give the result the axis of size one that keepdim asks for."""
    if arguments(node)["keepdim"]:
        kept = builder.add_tensor(node.name, builder.shape(node), y.qparams, y.dtype)
        builder.add_op(node, "reshape", [y], kept, attrs={"shape": kept.shape}, name=builder.op_name(node, ".keepdim"))
        builder.values[node.name] = kept.name


RULES: Mapping[object, Rule] = {
    aten.rms_norm.default: rms_norm,
    aten.layer_norm.default: layer_norm,
    aten.mean.dim: mean,
    aten.argmax.default: argmax,
}
