"""Lowering of scaled dot-product attention: constant masks and biases, heads that share keys, any leading axes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import arguments
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.attention_mask import MaskForm, mask_form
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.heads import by_heads, by_time
from smidgen.models.rotary import rotary as rotary_positions
from smidgen.numerics.attention import attention_parameters
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.float32.attention import HIDDEN_BIAS
from smidgen.numerics.quantization import QParams
from smidgen.numerics.rotary import rotary_parameters

aten = torch.ops.aten

#: A numerator this far below the peak rounds to 0: 2**-16.5.
_SMALLEST_NUMERATOR = 16.5 * math.log(2.0)


def attention(builder: Builder, node: fx.Node) -> None:
    """aten.scaled_dot_product_attention(q (.., T, w), k (.., S, w), v (.., S, u), mask, dropout, is_causal).

    Computed as (T, H, w); all leading axes but the batch count as heads.
    """
    given, name = arguments(node), builder.op_name(node)
    nodes = [given[role] for role in ("query", "key", "value")]
    heads = _heads(builder, node, nodes)
    operands = [by_time(builder, node, x, name, role) for x, role in zip(nodes, ("query", "key", "value"), strict=True)]
    (steps, _, width), keys = operands[0].shape, operands[1].shape[0]
    scale = width**-0.5 if given["scale"] is None else float(given["scale"])
    y = builder.add_tensor(f"{node.name}_y", (steps, heads, operands[2].shape[2]), builder.qparams(node))
    scales = [] if builder.is_float else builder.quantization(node, *operands, y)
    form = _form(builder, node, given, (heads, steps, keys), scale, scales)
    span = form.span
    attrs: dict[str, Attribute] = {"causal": span.causal, "window": span.window, "offset": span.offset}
    params = {}
    if builder.is_float:
        attrs["scale"] = scale
        if form.bias is not None:
            params["bias"] = np.maximum(form.bias, HIDDEN_BIAS).astype(np.float32)
    else:
        parameters = builder.integers(
            node,
            lambda: attention_parameters(
                *scales, width=width, keys=span.most_keys(steps, keys), scale=scale, bias=form.bias
            ),
        )
        attrs.update(integer_attributes(parameters))
        params = integer_arrays(parameters, "int16")
    builder.add_op(node, "attention", operands, y, params, attrs, name=name)
    by_heads(builder, node, y, name)


# ---- operands --------------------------------------------------------------------------------------------------------


def _heads(builder: Builder, node: fx.Node, operands: Sequence[fx.Node]) -> int:
    """Return H; raise UnsupportedError unless H / G heads in a row share the keys and values of each of G groups."""
    q, k, v = (builder.shape(x)[:-2] for x in operands)
    heads, groups = math.prod(q), math.prod(k)
    in_a_row = arguments(node)["enable_gqa"] or _broadcasts_last(q, k)
    if k != v or heads % groups or not in_a_row:
        raise builder.unsupported(
            node,
            f"the leading axes {q} of q, {k} of k and {v} of v do not pair; give k and v the heads of q, or a divisor "
            "of their number with enable_gqa=True",
        )
    return heads


def _broadcasts_last(q: Sequence[int], k: Sequence[int]) -> bool:
    """True if every axis of k is that of q, up to one from where on all are 1."""
    k = (*[1] * (len(q) - len(k)), *k)
    same = [a == b for a, b in zip(q, k, strict=True)]
    first = same.index(False) if False in same else len(same)
    return all(size == 1 for size in k[first:])


# ---- masks -----------------------------------------------------------------------------------------------------------


def _form(
    builder: Builder,
    node: fx.Node,
    given: Mapping[str, Any],
    shape: tuple[int, int, int],
    scale: float,
    scales: Sequence[QParams],
) -> MaskForm:
    """Return what the node's mask says of the pairs (H, T, S)."""
    mask = given["attn_mask"]
    if mask is None:
        return MaskForm(span=AttentionSpan(causal=given["is_causal"]), bias=None)
    data = builder.constant(mask)
    assert data is not None, "import refuses masks that an input decides"
    if mask.meta["val"].dtype == torch.bool:
        data = np.where(data != 0, 0.0, -np.inf)
    leading = builder.program.batch.full_shape(given["query"].meta["val"])[:-2]
    pairs = np.broadcast_to(data, (*(size or 1 for size in leading), *shape[1:]))
    return mask_form(pairs.reshape(shape), negligible=_negligible(scale, scales, given))


def _negligible(scale: float, scales: Sequence[QParams], given: Mapping[str, Any]) -> float:
    """Return how far below the largest of its row a bias makes the numerator 0, whatever the integers of q and k."""
    if not scales:
        return math.inf
    q, k = (p.scale * integer_range(p.dtype)[1] for p in scales[:2])
    width = int(given["query"].meta["val"].shape[-1])
    return 2.0 * q * k * width * abs(scale) + _SMALLEST_NUMERATOR


# ---- rotary positions ------------------------------------------------------------------------------------------------


def rotary(builder: Builder, node: fx.Node) -> None:
    """models.rotary(x, cos, sin (T, p), time_axis, interleaved), computed as (T, H, w)."""
    source, *tables, axis, interleaved = node.args
    assert isinstance(source, fx.Node)
    assert isinstance(axis, int)
    assert isinstance(interleaved, bool)
    x, name = builder.operand(source), builder.op_name(node)
    time = builder.axis(node, source, axis)
    steps, width = x.shape[time], x.shape[-1]
    outer, inner = math.prod(x.shape[:time]), math.prod(x.shape[time + 1 : -1])
    split, by_time = (outer, steps, inner * width), (steps, outer, inner * width)
    heads = (steps, outer * inner, width)
    operand = _arranged(builder, node, x, f"{name}.x", [split, by_time, heads])
    y = builder.add_tensor(f"{node.name}_turned", heads, builder.qparams(node))
    cos, sin = (builder.weight(node, table, "table")[:, None] for table in tables)  # (T, 1, p)
    attrs: dict[str, Attribute] = {"interleaved": interleaved}
    unit = None
    if builder.is_float:
        cos, sin = cos.astype(np.float32), sin.astype(np.float32)
    else:
        before, after = builder.quantization(node, operand, y)
        parameters = builder.integers(node, lambda: rotary_parameters(cos, sin, before, after))
        cos, sin = parameters.cos.astype(np.int16), parameters.sin.astype(np.int16)
        unit = QParams(dtype="int16", scale=2.0**-parameters.table_bits)
        attrs.update(integer_attributes(parameters))
    stored = [
        builder.add_tensor(f"{node.name}_{role}", table.shape, unit, data=table)
        for role, table in (("cos", cos), ("sin", sin))
    ]
    builder.add_op(node, "rotary", [operand, *stored], y, attrs=attrs, name=name)
    builder.values[node.name] = _arranged(builder, node, y, f"{name}.y", [by_time, split, x.shape]).name


def _arranged(builder: Builder, node: fx.Node, x: Tensor, name: str, shapes: Sequence[tuple[int, ...]]) -> Tensor:
    """Reshape to the first shape, swap its first two axes to give the second, reshape to the third."""
    steps: list[tuple[str, Attribute]] = [("shape", shapes[0]), ("permutation", (1, 0, 2)), ("shape", shapes[2])]
    for index, ((key, value), shape) in enumerate(zip(steps, shapes, strict=True)):
        y = builder.add_tensor(f"{node.name}_{name.rpartition('.')[2]}_{index}", shape, x.qparams)
        kind = "reshape" if key == "shape" else "transpose"
        builder.add_op(node, kind, [x], y, attrs={key: value}, name=f"{name}.{index}")
        x = y
    return x


RULES: Mapping[object, Rule] = {
    aten.scaled_dot_product_attention.default: attention,
    rotary_positions: rotary,
}
