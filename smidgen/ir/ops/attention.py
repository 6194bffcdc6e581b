"""Scaled dot-product attention as one operator, so that scores are never a tensor."""

from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    COUNT,
    MULTIPLIER,
    RIGHT_SHIFT,
    SHIFT,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    require_below,
    require_symmetric,
)
from smidgen.numerics import attention, float32
from smidgen.numerics.fixed_point import integer_range

_NUMERATOR_ONE = 2**15  # of the unnormalised weights


def _shape(op: Op, x: Operands) -> Shape:
    q, k, v = (tensor.shape for tensor in x)
    if len(q) != 3 or k != v or q[1:] != k[1:]:
        raise GraphError(f"{op.name}: q, k, v must be (T, H, w), (S, H, w), (S, H, w); got {q}, {k}, {v}")
    return q


def _macs(op: Op, x: Operands, y: Tensor) -> int:
    steps, heads, width = x[0].shape
    keys = x[1].shape[0]
    pairs = sum(min(i + 1, keys) for i in range(steps)) if op.attrs["causal"] else steps * keys
    return 2 * heads * width * pairs


def _attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return attention.attention(*arrays, **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype)


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, *x)
    attrs = arithmetic_attrs(op)
    q, k, v = (max(map(abs, integer_range(tensor.dtype))) for tensor in x)
    keys, _, width = x[1].shape
    require_below(op, "a score", width * q * k >> attrs["score_prescale"], 30)
    require_below(op, "the sum of a row's weights", keys * _NUMERATOR_ONE, 32)
    require_below(op, "a sum of values", keys * _NUMERATOR_ONE * v >> attrs["value_shift"], 31)
    places = 45 + keys.bit_length() - attrs["output_shift"]
    if places > 62:
        raise GraphError(f"{op.name}: output_shift {attrs['output_shift']} asks for a shift by {places}, 62 is most")


SPECS: Mapping[str, OpSpec] = {
    "attention": OpSpec(
        arity=3, shape=_shape, time="attention", macs=_macs, scratch_bytes=lambda op, x, y: 4 * x[1].shape[0],
        integer=Form(
            attrs={
                "causal": bool, "score_prescale": RIGHT_SHIFT, "score_multiplier": MULTIPLIER, "score_shift": SHIFT,
                "score_limit": COUNT, "value_shift": RIGHT_SHIFT, "output_multiplier": MULTIPLIER,
                "output_shift": range(-16, 47),
            },
            prove=_prove, evaluate=_attention,
        ),
        float32=Form(
            attrs={"causal": bool, "scale": float},
            evaluate=lambda op, x, y, arrays: float32.attention(*arrays, **arithmetic_attrs(op)),
        ),
    ),
}  # fmt: skip
