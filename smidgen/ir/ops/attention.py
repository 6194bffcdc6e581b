"""Scaled dot-product attention as one operator, so that scores are never a tensor, and rotary positions before it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    COUNT,
    MULTIPLIER,
    RIGHT_SHIFT,
    SCALED,
    Array,
    Form,
    Legal,
    Operands,
    OpSpec,
    Params,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    number,
    prove_exponent,
    require_below,
    require_int16,
    require_symmetric,
    wide_params,
)
from smidgen.numerics import attention, float32, rotary
from smidgen.numerics.attention_span import AttentionSpan, Block
from smidgen.numerics.fixed_point import integer_range


def span_of(op: Op) -> AttentionSpan:
    """Return which keys a query of an attention operator sees."""
    return AttentionSpan(causal=bool(op.attrs["causal"]), window=integer(op, "window"), offset=integer(op, "offset"))


def _shape(op: Op, x: Operands) -> Shape:
    q, k, v = (tensor.shape for tensor in x)
    if not (len(q) == len(k) == len(v) == 3 and k[:2] == v[:2] and q[2] == k[2] and q[1] % k[1] == 0):
        raise GraphError(
            f"{op.name}: q, k, v must be (T, H, w), (S, G, w), (S, G, u) with H a multiple of G; got {q}, {k}, {v}"
        )
    if "bias" in op.params:
        _check_bias(op, op.params["bias"], x)
    return (*q[:2], v[2])


def _check_bias(op: Op, bias: Array, x: Operands) -> None:
    """Raise GraphError unless `bias` is told by distance or by pair, for all heads at once or for each."""
    steps, heads, _ = x[0].shape
    keys = x[1].shape[0]
    if bias.shape[0] not in (1, heads):
        raise GraphError(f"{op.name}: its bias is for {bias.shape[0]} heads, q has {heads}; give one, or one a head")
    try:
        span_of(op).by_pair(bias, steps, keys)
    except GraphError as error:
        raise GraphError(f"{op.name}: {error}") from error


def _macs(op: Op, x: Operands, y: Tensor) -> int:
    _, heads, width = x[0].shape
    pairs = sum(
        int(np.count_nonzero(span.visible(rows.stop - rows.start, keys.stop - keys.start)))
        for rows, keys, span in _blocks(op, x)
    )
    return heads * (width + y.shape[-1]) * pairs


def _blocks(op: Op, x: Operands) -> list[Block]:
    """Return queries with the keys that they may see; all at once where the bias is told by pair."""
    queries, keys, span = x[0].shape[0], x[1].shape[0], span_of(op)
    if "bias" in op.params and op.params["bias"].ndim == 3:
        return [(slice(0, queries), slice(0, keys), span)]
    return list(span.blocks(queries, keys))


def runs_on_query_pairs(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the kernel for two queries at a time takes this operator: int8, no bias, sums of 32 bits."""
    (steps, _, width), (keys, _, v_width) = x[0].shape, x[2].shape
    if any(tensor.dtype != "int8" for tensor in (*x, y)) or "bias" in op.params or width % 8 or v_width % 2:
        return False
    narrow = integer(op, "score_prescale") == 0 == integer(op, "value_shift")
    # What is left to shift after 32 bits, over all sums of a row, leaves room for a zero point.
    least = 46 - integer(op, "output_shift") - 32
    shifts_fit = least >= 1 and least + keys.bit_length() <= 22
    return narrow and shifts_fit and steps >= 2 and keys >= 2


def pair_room(op: Op, x: Operands) -> int:
    """Return for how many keys two neighbouring queries need scores."""
    keys = min(x[1].shape[0], max(2, _most_keys(op, x) + 1))
    return keys + keys % 2


def _scratch_bytes(op: Op, x: Operands, y: Tensor) -> int:
    if not y.is_float and runs_on_query_pairs(op, x, y):
        return (
            8 * pair_room(op, x) + 4 * x[0].shape[2] + 20
        )  # scores of both, and themselves in int16 behind five words
    return 4 * _most_keys(op, x)


def _most_keys(op: Op, x: Operands) -> int:
    return span_of(op).most_keys(x[0].shape[0], x[1].shape[0])


def _attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    q, k, v = arrays
    attrs = {key: value for key, value in arithmetic_attrs(op).items() if key not in _SPAN}
    parts = [
        attention.attention(
            q[:, rows], k[:, keys], v[:, keys], **asdict(span), **wide_params(op), **attrs, zero_point=y.zero_point,
            dtype=y.dtype,
        )
        for rows, keys, span in _blocks(op, x)
    ]  # fmt: skip
    return np.concatenate(parts, axis=1)


def _float_attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    q, k, v = arrays
    scale = number(op, "scale")
    parts = [
        float32.attention(q[:, rows], k[:, keys], v[:, keys], **asdict(span), **float_params(op), scale=scale)
        for rows, keys, span in _blocks(op, x)
    ]
    return np.concatenate(parts, axis=1)


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    prove_attention(op, x, _most_keys(op, x))


def prove_attention(op: Op, x: Operands, keys: int) -> None:
    """Raise GraphError unless the sums over the `keys` keys that a query sees at most fit their registers."""
    require_symmetric(op, *x)
    prove_exponent(op, "score")
    attrs = arithmetic_attrs(op)
    q, k, v = (max(map(abs, integer_range(tensor.dtype))) for tensor in x)
    width = x[1].shape[2]
    bias = wide_params(op).get("bias", np.zeros(1, np.int64))
    added = int(np.abs(bias[bias != attention.HIDDEN_BIAS]).max(initial=0)) << attrs["bias_shift"]
    score = (width * q * k >> attrs["score_prescale"]) + (attrs["score_prescale"] > 0)  # the shift may round up
    require_below(op, "a score", score + added, 30)
    require_below(op, "the sum of a row's weights", keys * attention.NUMERATOR_ONE, 32)
    require_below(op, "a sum of values", keys * attention.NUMERATOR_ONE * v >> attrs["value_shift"], 31)
    places = 45 + keys.bit_length() - attrs["output_shift"]
    if places > 62:
        raise GraphError(f"{op.name}: output_shift {attrs['output_shift']} asks for a shift by {places}, 62 is most")


def bias_of(dtype: str) -> Callable[[Op], Params]:
    """Return the legal parameters of an op: none, or a bias by distance or by pair."""

    def params(op: Op) -> Params:
        return {"bias": (dtype, "." * max(2, min(3, op.params["bias"].ndim)))} if "bias" in op.params else {}

    return params


#: Attributes of the integer arithmetic.
ATTENTION_SCALES: Mapping[str, Legal] = {
    "score_prescale": RIGHT_SHIFT, "score_multiplier": MULTIPLIER, "score_shift": range(31), "score_limit": COUNT,
    "bias_shift": range(31), "value_shift": RIGHT_SHIFT, "output_multiplier": MULTIPLIER,
    "output_shift": range(-16, 47),
}  # fmt: skip


# ---- rotary positions ------------------------------------------------------------------------------------------------


def _rotary_shape(op: Op, x: Operands) -> Shape:
    shape, cos, sin = (tensor.shape for tensor in x)
    if len(shape) != 3 or cos != sin or len(cos) != 3 or cos[:2] != (shape[0], 1) or 2 * cos[2] > shape[2]:
        raise GraphError(
            f"{op.name}: x, cos, sin must be (T, H, w), (T, 1, p), (T, 1, p), 2 p at most w; got {shape}, {cos}, {sin}"
        )
    return shape


def _rotary(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, y.zero_point)
    value, cos, sin = arrays
    return rotary.rotary(value, cos, sin, **arithmetic_attrs(op), zero_points=zero_points, dtype=y.dtype)


def _prove_rotary(op: Op, x: Operands, y: Tensor) -> None:
    require_int16(op, *x[1:])


def _float_rotary(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    value, cos, sin = arrays
    return float32.rotary(value, cos, sin, **arithmetic_attrs(op))


_SPAN: Mapping[str, Legal] = {"causal": bool, "window": COUNT, "offset": COUNT}

SPECS: Mapping[str, OpSpec] = {
    "attention": OpSpec(
        arity=3, shape=_shape, time="attention", macs=_macs, scratch_bytes=_scratch_bytes,
        integer=Form(
            params=bias_of("int16"), attrs={**_SPAN, **ATTENTION_SCALES}, prove=_prove, evaluate=_attention,
        ),
        float32=Form(
            params=bias_of("float32"), attrs={**_SPAN, "scale": float}, evaluate=_float_attention,
        ),
    ),
    "rotary": OpSpec(
        arity=3, shape=_rotary_shape, time="pointwise", in_place=1, macs=lambda op, x, y: 2 * y.size,
        integer=Form(
            attrs={"interleaved": bool, "table_bits": rotary.TABLE_BITS, **SCALED},
            prove=_prove_rotary, evaluate=_rotary,
        ),
        float32=Form(attrs={"interleaved": bool}, evaluate=_float_rotary),
    ),
}  # fmt: skip
