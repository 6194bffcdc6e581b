"""Lowering of operators that mix the elements of a row or of a window: norms, attention, mean, argmax."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.numerics.attention import attention_parameters
from smidgen.numerics.norm import norm_parameters
from smidgen.numerics.reduction import mean_parameters

aten = torch.ops.aten


def rms_norm(builder: Builder, node: fx.Node) -> None:
    """aten.rms_norm(x, shape, weight, eps) over the last axis."""
    arguments = [*node.args, *[None, None, None, None][len(node.args) :]]
    eps = float(np.finfo(np.float32).eps) if arguments[3] is None else float(arguments[3])
    _norm(builder, node, arguments[2], None, eps, kind="rms_norm")


def layer_norm(builder: Builder, node: fx.Node) -> None:
    """aten.layer_norm(x, shape, weight, bias, eps) over the last axis."""
    arguments = [*node.args, *[None, None, None, None, 1e-5][len(node.args) :]]
    _norm(builder, node, arguments[2], arguments[3], float(arguments[4]), kind="layer_norm")


def _norm(builder: Builder, node: fx.Node, weight: Any, shift: Any, eps: float, *, kind: str) -> None:
    normalised = node.args[1]
    if len(list(normalised)) != 1:  # type: ignore[arg-type]
        raise builder.unsupported(node, f"it normalises over {normalised}; only the last axis is supported")
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
    parameters = builder.integers(
        node, lambda: norm_parameters(gain, bias, eps, x.qparams, y.qparams, centred=kind == "layer_norm")
    )
    arrays = {"gain": parameters.gain.astype(np.int16), "bias": parameters.bias.astype(np.int32)}
    builder.add_op(node, kind, [x], y, arrays, integer_attributes(parameters))


def attention(builder: Builder, node: fx.Node) -> None:
    """aten.scaled_dot_product_attention(q, k, v (b, H, T, w), mask, dropout, is_causal, scale), computed as (T, H, w)."""
    arguments = [*node.args, *[None, None, None, None, 0.0, False][len(node.args) :]]
    if arguments[3] is not None or node.kwargs.get("attn_mask") is not None:
        raise builder.unsupported(node, "a mask tensor is not supported; use is_causal=True, or no mask")
    causal = bool(arguments[5] or node.kwargs.get("is_causal", False))
    operands = []
    name = builder.op_name(node)
    for role, argument in zip("qkv", arguments[:3], strict=True):
        x = builder.operand(argument)
        heads, steps, width = x.shape
        by_time = builder.add_tensor(f"{node.name}_{role}", (steps, heads, width), x.qparams)
        builder.add_op(node, "transpose", [x], by_time, attrs={"permutation": (1, 0, 2)}, name=f"{name}.{role}")
        operands.append(by_time)
    steps, heads, width = operands[0].shape
    given = node.kwargs.get("scale")
    scale = width**-0.5 if given is None else float(given)  # type: ignore[arg-type]
    by_time = builder.add_tensor(f"{node.name}_y", (steps, heads, width), builder.qparams(node))
    attrs: dict[str, Any] = {"causal": causal}
    if builder.is_float:
        attrs["scale"] = scale
    else:
        q, k, v = (operand.qparams for operand in operands)
        parameters = builder.integers(
            node,
            lambda: attention_parameters(
                q, k, v, by_time.qparams, width=width, steps=operands[1].shape[0], scale=scale
            ),
        )
        attrs.update(integer_attributes(parameters))
    builder.add_op(node, "attention", operands, by_time, attrs=attrs, name=name)
    y = builder.output(node)
    builder.add_op(node, "transpose", [by_time], y, attrs={"permutation": (1, 0, 2)}, name=f"{name}.y")


def mean(builder: Builder, node: fx.Node) -> None:
    """aten.mean(x, [axis], keepdim) over one axis."""
    axes = list(node.args[1]) if len(node.args) > 1 and node.args[1] else []  # type: ignore[arg-type]
    if len(axes) != 1:
        raise builder.unsupported(node, f"a mean over axes {axes} is not supported; average one axis at a time")
    source = node.args[0]
    assert isinstance(source, fx.Node)
    axis = builder.axis(source, int(axes[0]))
    x = builder.operand(source)
    keep = len(node.args) > 2 and bool(node.args[2])
    reduced = tuple(size for i, size in enumerate(x.shape) if i != axis)
    qparams = builder.qparams(node)
    attrs: dict[str, Any] = {"axis": axis}
    if qparams is not None:
        assert x.qparams is not None
        source_qparams = x.qparams
        multiplier, shift = builder.integers(node, lambda: mean_parameters(source_qparams, qparams, x.shape[axis]))
        attrs.update(multiplier=multiplier, shift=shift)
    y = builder.output(node, shape=reduced)
    builder.add_op(node, "mean", [x], y, attrs=attrs)
    if keep:
        kept = builder.add_tensor(f"{node.name}_kept", builder.shape(node), qparams)
        builder.add_op(node, "reshape", [y], kept, attrs={"shape": kept.shape}, name=builder.op_name(node, ".keepdim"))
        builder.values[node.name] = kept.name


def argmax(builder: Builder, node: fx.Node) -> None:
    """aten.argmax(x, axis): the index of the first maximum, int32."""
    source = node.args[0]
    if len(node.args) < 2 or not isinstance(source, fx.Node) or not isinstance(node.args[1], int):
        raise builder.unsupported(node, "an argmax over the whole tensor is not supported; name its axis")
    x = builder.operand(source)
    axis = builder.axis(source, node.args[1])
    reduced = tuple(size for i, size in enumerate(x.shape) if i != axis)
    y = builder.add_tensor(node.name, reduced, None, dtype="int32")
    builder.values[node.name] = y.name
    builder.add_op(node, "argmax", [x], y, attrs={"axis": axis})


RULES: Mapping[object, Rule] = {
    aten.rms_norm.default: rms_norm,
    aten.layer_norm.default: layer_norm,
    aten.scaled_dot_product_attention.default: attention,
    aten.mean.dim: mean,
    aten.argmax.default: argmax,
}
