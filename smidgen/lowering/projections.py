"""Lowering of layers that are dot products with stored weights: linear, and what convolutions share with it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.compression.codecs import CODECS, Codec, Uniform
from smidgen.compression.stored_weight import stored_weight
from smidgen.compression.structure import arguments, label
from smidgen.compression.weighted import has_weight
from smidgen.ir.graph import Tensor
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.numerics.linear import accumulator_parameters

aten = torch.ops.aten


def linear(builder: Builder, node: fx.Node) -> None:
    """aten.linear(x, weight, bias)."""
    weight, bias = weight_and_bias(builder, node)
    add_linear(builder, node, builder.operand(node.args[0]), builder.output(node), weight, bias)


def split_linear(builder: Builder, node: fx.Node) -> None:
    """A linear layer whose result is only split: one layer a part, with the part's own range."""
    weight, bias = weight_and_bias(builder, node)
    x = builder.operand(node.args[0])
    for index, (part, start, stop) in enumerate(builder.program.structure.split_parts[node.name]):
        rows = slice(start, stop)
        y = builder.output(part)
        part_bias = None if bias is None else bias[rows]
        add_linear(builder, node, x, y, weight[rows], part_bias, name=builder.op_name(node, f".{index}"))


def add_linear(
    builder: Builder,
    node: fx.Node,
    x: Tensor,
    y: Tensor,
    weight: Floats,
    bias: Floats | None,
    *,
    name: str | None = None,
) -> None:
    """Append one linear op for weight (o, k), bias (o,)."""
    params, attrs = accumulate(builder, node, x, y, weight, bias)
    builder.add_op(node, "linear", [x], y, params, attrs, name=name)


def weight_and_bias(builder: Builder, node: fx.Node) -> tuple[Floats, Floats | None]:
    """Return the arguments `weight` and `bias` of a layer; refuse those that an input changes."""
    given = arguments(node)
    bias = None if given["bias"] is None else builder.weight(node, given["bias"], "bias")
    return builder.weight(node, given["weight"], "weight"), bias


def accumulate(
    builder: Builder, node: fx.Node, x: Tensor, y: Tensor, weight: Floats, bias: Floats | None
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the parameters and attributes of dot products of x with weight (o, ...) that become y."""
    if builder.is_float:
        real_bias = np.zeros(weight.shape[0]) if bias is None else bias
        return {"weight": weight.astype(np.float32), "bias": real_bias.astype(np.float32)}, {}
    source, target = builder.quantization(node, x, y)
    codec = stored_by(builder, node)
    encoded = stored_weight(codec, weight, bias, source)
    parameters = builder.integers(
        node,
        lambda: accumulator_parameters(encoded.integers, encoded.scale, bias, source, target, "accumulator"),
    )
    return {**codec.params(encoded), **integer_arrays(parameters)}, integer_attributes(parameters)


def stored_by(builder: Builder, node: fx.Node) -> Codec:
    """Return how the weight of a node is stored; one that lowering makes up, such as that of a mean, keeps 8 bits."""
    codec = builder.plan.recipe.weight_for(label(node)) if has_weight(node) else Uniform()
    if codec.is_packed and node.target is not aten.linear.default:
        name = next((name for name, known in CODECS.items() if known == codec), codec)
        raise builder.unsupported(
            node,
            f"its weights cannot be stored as {name}: only linear layers compute from weights that share a byte; add "
            f'a rule to the recipe, match = "{label(node)}", weight = "int8"',
        )
    return codec


RULES: Mapping[object, Rule] = {aten.linear.default: linear}
