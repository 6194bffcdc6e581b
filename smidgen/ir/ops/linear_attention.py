"""Causal attention without a softmax, as a recurrence: its memory is one matrix a head, however long the sequence."""

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    RIGHT_SHIFT,
    Array,
    Form,
    Operands,
    OpSpec,
    Params,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    require_below,
    require_symmetric,
    wide_params,
)
from smidgen.numerics import float32, linear_attention
from smidgen.numerics.fixed_point import integer_range


def _shape(op: Op, x: Operands) -> Shape:
    q, k, v = (tensor.shape for tensor in x)
    if len(q) != 3 or q != k or v[:-1] != q[:-1]:
        raise GraphError(f"{op.name}: q, k, v must be (T, H, w), (T, H, w), (T, H, u); got {q}, {k}, {v}")
    if "decay" in op.params and op.params["decay"].shape != (q[1],):
        raise GraphError(f"{op.name}: its decay must have {q[1]} elements, one a head, got {op.params['decay'].shape}")
    return v


def _states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    _, heads, width = x[0].shape
    dtype = "float32" if y.is_float else "int32"
    return (State(role="state", shape=(heads, y.shape[2], width), dtype=dtype),)


def _largest(tensor: Tensor) -> int:
    return max(map(abs, integer_range(tensor.dtype)))


def _element_limit(op: Op, x: Operands, y: Tensor) -> int | None:
    """Return after how many steps the state could leave its 30 bits; a decay that is quick enough never lets it."""
    if y.is_float:
        return None
    shift, product, decay = integer(op, "state_shift"), _largest(x[1]) * _largest(x[2]), wide_params(op).get("decay")
    if decay is not None:
        memory = linear_attention.memory_steps(decay)
        if linear_attention.state_bound(product, shift, memory) < 2**linear_attention.STATE_BITS:
            return None
    most: int = (2**linear_attention.STATE_BITS - 1) // linear_attention.state_bound(product, shift, 1.0)
    return most


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, *x)
    decay = wide_params(op).get("decay", np.zeros(1, np.int64))
    if decay.min() < 0:
        raise GraphError(f"{op.name}: a decay must not be negative, found {decay.min()}")
    limit, steps, width = _element_limit(op, x, y), *x[0].shape[::2]
    if limit is not None and steps > limit:
        raise GraphError(f"{op.name}: the state could overflow after {limit} steps, it runs for {steps}")
    scaled = width * _largest(x[0]) * 2**linear_attention.STATE_BITS >> integer(op, "output_prescale")
    require_below(op, "a scaled sum", (scaled + 1) * integer(op, "output_multiplier"), 63)


def _linear_attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    q, k, v, state = arrays
    return linear_attention.linear_attention(
        q, k, v, **wide_params(op), **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype, carried=state
    )


def _float_linear_attention(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    q, k, v, state = arrays
    return float32.linear_attention(q, k, v, **float_params(op), **arithmetic_attrs(op), carried=state)


def _decay_of(dtype: str) -> Callable[[Op], Params]:
    """Return the legal parameters of an op: none, or a decay a head."""
    return lambda op: {"decay": (dtype, ".")} if "decay" in op.params else {}


SPECS: Mapping[str, OpSpec] = {
    "linear_attention": OpSpec(
        arity=3, shape=_shape, time="recurrence", macs=lambda op, x, y: 2 * y.size * x[0].shape[2], states=_states,
        element_limit=_element_limit,
        integer=Form(
            params=_decay_of("int32"),
            attrs={
                "state_shift": range(linear_attention.LARGEST_LEFT_SHIFT, 31), "output_prescale": RIGHT_SHIFT,
                "output_multiplier": range(2**linear_attention.MULTIPLIER_BITS + 1), "output_shift": RIGHT_SHIFT,
            },
            prove=_prove, evaluate=_linear_attention,
        ),
        float32=Form(params=_decay_of("float32"), attrs={"scale": float}, evaluate=_float_linear_attention),
    ),
}  # fmt: skip
