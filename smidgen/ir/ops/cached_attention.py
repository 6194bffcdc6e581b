"""Causal attention of one step: its keys and values join those of the steps that it may look back on."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.attention import ATTENTION_SCALES, bias_of, prove_attention
from smidgen.ir.ops.op_spec import (
    SIZE,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    wide_params,
)
from smidgen.numerics import attention, float32
from smidgen.numerics.history import cache_frame


def _shape(op: Op, x: Operands) -> Shape:
    q, k, v = (tensor.shape for tensor in x)
    if not (len(q) == len(k) == len(v) == 3 and q[0] == k[0] == v[0] == 1 and k[1] == v[1] and q[2] == k[2]):
        raise GraphError(f"{op.name}: q, k, v of one step must be (1, H, w), (1, G, w), (1, G, u); got {q}, {k}, {v}")
    if q[1] % k[1]:
        raise GraphError(f"{op.name}: {q[1]} heads cannot share {k[1]} keys evenly")
    window, bias = integer(op, "window"), op.params.get("bias")
    if bias is not None and not (bias.ndim == 2 and bias.shape[0] in (1, q[1]) and bias.shape[1] >= window):
        raise GraphError(f"{op.name}: its bias must be ({q[1]} or 1, {window}) by distance, got {bias.shape}")
    return (1, q[1], v[2])


def _states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    window, (_, k, v) = integer(op, "window"), x
    return (
        State(role="keys", shape=(window, *k.shape[1:]), dtype=k.dtype),
        State(role="values", shape=(window, *v.shape[1:]), dtype=v.dtype),
        State(role="count", shape=(1,), dtype="int32"),
    )


def _seen(op: Op, arrays: list[Array]) -> tuple[Array, Array, dict[str, int | bool]]:
    """Take the step in; return the keys and values that it sees, and the span of its query."""
    _, k, v, keys, values, count = arrays
    window = integer(op, "window")
    for cache, frame in ((keys, k), (values, v)):
        cache_frame(cache, frame)
    count[:] = np.minimum(count + 1, window)
    steps = int(count[0, 0])
    span = {"causal": True, "window": window, "offset": steps - 1}
    return keys[:, window - steps :], values[:, window - steps :], span


def _attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    keys, values, span = _seen(op, arrays)
    attrs = {**arithmetic_attrs(op), **span}
    return attention.attention(
        arrays[0], keys, values, **wide_params(op), **attrs, zero_point=y.zero_point, dtype=y.dtype
    )


def _float_attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    keys, values, span = _seen(op, arrays)
    return float32.attention(arrays[0], keys, values, **float_params(op), **{**arithmetic_attrs(op), **span})


SPECS: Mapping[str, OpSpec] = {
    "cached_attention": OpSpec(
        arity=3, shape=_shape, time="attention", states=_states,
        macs=lambda op, x, y: (x[0].size + y.size) * integer(op, "window"),
        scratch_bytes=lambda op, x, y: 4 * integer(op, "window"),
        integer=Form(
            params=bias_of("int16"), attrs={"window": SIZE, **ATTENTION_SCALES},
            prove=lambda op, x, y: prove_attention(op, x, integer(op, "window")), evaluate=_attention,
        ),
        float32=Form(params=bias_of("float32"), attrs={"window": SIZE, "scale": float}, evaluate=_float_attention),
    ),
}  # fmt: skip
