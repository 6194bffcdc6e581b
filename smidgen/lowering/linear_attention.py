"""Lowering of causal attention without a softmax; `rewriting` made it of masked products."""

from collections.abc import Mapping

import numpy as np
from torch import fx

from smidgen.ir.graph import Attribute
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.heads import by_heads, by_time
from smidgen.models.linear_attention import linear_attention as recurrence
from smidgen.numerics.linear_attention import linear_attention_parameters


def linear_attention(builder: Builder, node: fx.Node) -> None:
    """models.linear_attention(q, k (.., T, w), v (.., T, u), decay (H or 1,) or None, scale), computed as (T, H, w)."""
    *nodes, decay_node, scale = node.args
    name = builder.op_name(node)
    operands = [
        by_time(builder, node, x, name, role)
        for x, role in zip(nodes, ("query", "key", "value"), strict=True)
        if isinstance(x, fx.Node)
    ]
    shapes = [x.shape[:2] for x in operands]
    if len(set(shapes)) > 1:
        raise builder.unsupported(
            node, f"q, k and v have {[heads for _, heads in shapes]} heads; give all of them the heads of q"
        )
    assert isinstance(scale, float)
    steps, heads, width = operands[0].shape
    y = builder.add_tensor(f"{node.name}_y", (steps, heads, operands[2].shape[2]), builder.qparams(node))
    decay = None if decay_node is None else np.broadcast_to(builder.weight(node, decay_node, "decay"), heads)
    if builder.is_float:
        params = {} if decay is None else {"decay": decay.astype(np.float32)}
        attrs: dict[str, Attribute] = {"scale": scale}
    else:
        scales = builder.quantization(node, *operands, y)
        parameters = builder.integers(
            node, lambda: linear_attention_parameters(*scales, width=width, steps=steps, scale=scale, decay=decay)
        )
        params, attrs = integer_arrays(parameters), dict(integer_attributes(parameters))
    builder.add_op(node, "linear_attention", operands, y, params, attrs, name=name)
    by_heads(builder, node, y, name)


RULES: Mapping[object, Rule] = {recurrence: linear_attention}
