"""Operators with a linear recurrence: the selective scan."""

from collections.abc import Mapping
from typing import Any

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    SHIFT,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    require_below,
    require_int16,
    require_symmetric,
    wide_params,
)
from smidgen.numerics import float32, scan


def _scan_shape(op: Op, x: Operands) -> Shape:
    u, delta, B, C = (tensor.shape for tensor in x)
    if len(u) != 2 or len(B) != 2 or u != delta or B != C or B[0] != u[0]:
        raise GraphError(f"{op.name}: u, delta (t, d) and B, C (t, n) expected; got {u}, {delta}, {B}, {C}")
    return u


def _scan(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    u, delta, B, C, state = arrays
    return scan.selective_scan(
        u, delta, B, C, **wide_params(op), **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype, carried=state
    )


def _float_scan(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    *operands, state = arrays
    params: dict[str, Any] = {**float_params(op), **arithmetic_attrs(op)}
    return float32.selective_scan(*operands, **params, carried=state)


def _prove_scan(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, x[0])
    require_int16(op, *x[1:])
    require_below(op, "the sum over states", x[2].shape[1] * integer(op, "state_limit") // 2, 30)


def _scan_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    dtype = "float32" if y.is_float else "int32"
    return (State(role="state", shape=(x[0].shape[1], x[2].shape[1]), dtype=dtype),)


SPECS: Mapping[str, OpSpec] = {
    "selective_scan": OpSpec(
        arity=4, shape=_scan_shape, time="recurrence",
        macs=lambda op, x, y: 3 * x[0].size * x[2].shape[1], states=_scan_states,
        integer=Form(
            params={
                "decay_multiplier": ("int32", "on"), "drive_multiplier": ("int32", "o"),
                "output_multiplier": ("int32", "o"), "skip_multiplier": ("int32", "o"),
            },
            attrs={
                "decay_shift": SHIFT, "drive_shift": SHIFT, "output_shift": SHIFT, "state_limit": range(1, 2**29 + 1),
                "reverse": bool,
            },
            prove=_prove_scan, evaluate=_scan,
        ),
        float32=Form(
            params={"A": ("float32", "on"), "D": ("float32", "o")}, attrs={"reverse": bool}, evaluate=_float_scan,
        ),
    ),
}  # fmt: skip
