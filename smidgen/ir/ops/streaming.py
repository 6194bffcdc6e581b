"""Operators of step graphs alone: what a step reads of frames before it, and of tables by position."""

from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import AXIS, SIZE, Array, Form, Operands, OpSpec, Shape, axis_of, integer
from smidgen.numerics import history
from smidgen.numerics.fixed_point import integer_range

# ---- history ---------------------------------------------------------------------------------------------------------


def _history_shape(op: Op, x: Operands) -> Shape:
    axis = axis_of(op, x)
    if x[0].shape[axis] != 1:
        raise GraphError(f"{op.name}: one frame at a time expected along axis {axis}, got {x[0].shape}")
    return (*x[0].shape[:axis], integer(op, "taps"), *x[0].shape[axis + 1 :])


def _history_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    initial = op.attrs["initial"]
    assert isinstance(initial, int | float)
    span = (integer(op, "taps") - 1) * integer(op, "dilation")
    return (
        State(role="frames", shape=(span, *x[0].shape), dtype=x[0].dtype, initial=initial),
        State(role="next", shape=(1,), dtype="int32"),
    )


def _history(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    frame, ring, following = arrays
    return history.history(frame, ring, following, axis=integer(op, "axis") + 1, dilation=integer(op, "dilation"))


def _prove_history(op: Op, x: Operands, y: Tensor) -> None:
    low, high = integer_range(y.dtype)
    if not low <= integer(op, "initial") <= high:
        raise GraphError(f"{op.name}: initial {op.attrs['initial']} is no value of {y.dtype}")


_HISTORY = {**AXIS, "taps": range(2, 2**31), "dilation": SIZE}

# ---- the last frames -------------------------------------------------------------------------------------------------


def _recent_shape(op: Op, x: Operands) -> Shape:
    if x[0].shape[:1] != (1,):
        raise GraphError(f"{op.name}: one frame at a time expected along the first axis, got {x[0].shape}")
    return (integer(op, "frames"), *x[0].shape[1:])


def _recent_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    return (State(role="frames", shape=y.shape, dtype=y.dtype),)


def _recent(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    frame, cache = arrays
    history.cache_frame(cache, frame)
    return cache.copy()


_RECENT = Form(attrs={"frames": SIZE}, evaluate=_recent)

# ---- tables by position ----------------------------------------------------------------------------------------------


def _row_shape(op: Op, x: Operands) -> Shape:
    axis = axis_of(op, x)
    if x[0].data is None:
        raise GraphError(f"{op.name}: its table {x[0].name} must be a constant")
    return (*x[0].shape[:axis], 1, *x[0].shape[axis + 1 :])


def _row_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    return (State(role="next", shape=(1,), dtype="int32"),)


def _stored_row(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return history.stored_row(*arrays, axis=integer(op, "axis") + 1)


_ROW = Form(attrs=AXIS, evaluate=_stored_row)

SPECS: Mapping[str, OpSpec] = {
    "history": OpSpec(
        arity=1, shape=_history_shape, time="window", moves=True, states=_history_states,
        integer=Form(attrs={**_HISTORY, "initial": range(-(2**31), 2**31)}, prove=_prove_history, evaluate=_history),
        float32=Form(attrs={**_HISTORY, "initial": float}, evaluate=_history),
    ),
    "recent": OpSpec(
        arity=1, shape=_recent_shape, time="window", moves=True, states=_recent_states, result_state="frames",
        integer=_RECENT, float32=_RECENT,
    ),
    "stored_row": OpSpec(
        arity=1, shape=_row_shape, time="layout", moves=True, states=_row_states,
        element_limit=lambda op, x, y: x[0].shape[integer(op, "axis")], integer=_ROW, float32=_ROW,
    ),
}  # fmt: skip
