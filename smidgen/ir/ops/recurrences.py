"""Operators with a state that goes from step to step: the selective scan and the GRU."""

from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    ACCUMULATOR,
    MULTIPLIER,
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
from smidgen.ir.ops.projections import prove_weight_accumulator
from smidgen.numerics import float32, gru, scan

# ---- selective scan --------------------------------------------------------------------------------------------------


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
    return float32.selective_scan(*operands, **float_params(op), carried=state)


def _prove_scan(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, x[0])
    require_int16(op, *x[1:])
    require_below(op, "the sum over states", x[2].shape[1] * integer(op, "state_limit") // 2, 30)


def _scan_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    dtype = "float32" if y.is_float else "int32"
    return (State(role="state", shape=(x[0].shape[1], x[2].shape[1]), dtype=dtype),)


# ---- GRU -------------------------------------------------------------------------------------------------------------


def _gru_shape(op: Op, x: Operands) -> Shape:
    rows, width = op.params["weight"].shape
    if rows != 3 * width or x[0].shape[1:] != (rows,):
        raise GraphError(
            f"{op.name}: weight {(rows, width)} does not fit gates {x[0].shape}; (t, 3h) and (3h, h) expected"
        )
    return (x[0].shape[0], width)


def _gru(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    projected, hidden = arrays
    return gru.gru(projected, **wide_params(op), **arithmetic_attrs(op), carried=hidden)


def _float_gru(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    projected, hidden = arrays
    return float32.gru(projected, **float_params(op), carried=hidden)


def _gru_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    return (State(role="hidden", shape=(y.shape[-1],), dtype=y.dtype),)


def _prove_gru(op: Op, x: Operands, y: Tensor) -> None:
    require_int16(op, *x, y)
    prove_weight_accumulator(op, "int16")  # the recurrent weights meet the int16 state


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
            },
            prove=_prove_scan, evaluate=_scan,
        ),
        float32=Form(
            params={"A": ("float32", "on"), "D": ("float32", "o")}, evaluate=_float_scan,
        ),
    ),
    "gru": OpSpec(
        arity=1, shape=_gru_shape, time="recurrence",
        macs=lambda op, x, y: x[0].size * y.shape[-1], states=_gru_states,
        scratch_bytes=lambda op, x, y: 4 * x[0].shape[-1],
        integer=Form(
            params={
                "weight": ("int8", "io"), "bias": ("int32", "i"), "multiplier": ("int32", "i"),
                "sigmoid": ("int16", "k"), "tanh": ("int16", "k"),
            },
            attrs={**ACCUMULATOR, "input_multiplier": MULTIPLIER}, prove=_prove_gru, evaluate=_gru,
        ),
        float32=Form(
            params={"weight": ("float32", "io"), "bias": ("float32", "i")}, evaluate=_float_gru,
        ),
    ),
}  # fmt: skip
