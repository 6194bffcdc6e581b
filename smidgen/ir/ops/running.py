"""Operators that tell, after each element along time, what all so far add up to: mean, sum, extremes."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import SCALED, Array, Form, Operands, OpSpec, integer, same_shape
from smidgen.ir.ops.reductions import MEAN_SCALE, most_averaged
from smidgen.numerics import float32, running
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.reduction import largest_distance

_Zeros = tuple[int, int]


def _totals(x: Operands, y: Tensor) -> State:
    return State(role="totals", shape=x[0].shape[1:], dtype="float32" if y.is_float else "int32")


def _prove_length(op: Op, x: Operands, y: Tensor) -> None:
    """Raise GraphError where a window has more elements along time than may be added up."""
    most = SPECS[op.kind].element_limit(op, x, y)
    if most is not None and x[0].shape[0] > most:
        raise GraphError(f"{op.name}: a sum of {x[0].shape[0]} elements could overflow, {most} are most")


# ---- mean ------------------------------------------------------------------------------------------------------------


def _mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return running.running_mean(
        *arrays, zero_points=(x[0].zero_point, y.zero_point), multiplier=integer(op, "multiplier"),
        shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _float_mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    terms, totals, count = arrays
    means = float32.running_mean(terms, totals, before=int(count[0, 0]))
    count += terms.shape[1]
    return means


def _mean_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    return (_totals(x, y), State(role="count", shape=(1,), dtype="int32"))


# ---- sum -------------------------------------------------------------------------------------------------------------


def _sum(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return running.running_sum(
        *arrays, zero_points=(x[0].zero_point, y.zero_point), multiplier=integer(op, "multiplier"),
        shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _most_added(op: Op, x: Operands, y: Tensor) -> int | None:
    return None if y.is_float else (2**31 - 1) // largest_distance(x[0].dtype, x[0].zero_point)


# ---- extremes --------------------------------------------------------------------------------------------------------


def _extremum(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    extremum = float32.running_extremum if y.is_float else running.running_extremum
    return np.asarray(extremum(*arrays, least=op.kind == "running_min"))


def _extremes(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    low, high = (-np.inf, np.inf) if y.is_float else integer_range(y.dtype)
    initial = high if op.kind == "running_min" else low
    return (State(role="extremes", shape=x[0].shape[1:], dtype=y.dtype, initial=initial),)


_EXTREMUM = Form(evaluate=_extremum)
_EXTREME = OpSpec(
    arity=1, shape=same_shape, time="recurrence", moves=True, states=_extremes, integer=_EXTREMUM, float32=_EXTREMUM
)

SPECS: Mapping[str, OpSpec] = {
    "running_mean": OpSpec(
        arity=1, shape=same_shape, time="recurrence", states=_mean_states, element_limit=most_averaged,
        integer=Form(attrs=MEAN_SCALE, prove=_prove_length, evaluate=_mean),
        float32=Form(prove=_prove_length, evaluate=_float_mean),
    ),
    "running_sum": OpSpec(
        arity=1, shape=same_shape, time="recurrence", states=lambda op, x, y: (_totals(x, y),),
        element_limit=_most_added,
        integer=Form(attrs=SCALED, prove=_prove_length, evaluate=_sum),
        float32=Form(evaluate=lambda op, x, y, arrays: float32.running_sum(*arrays)),
    ),
    "running_max": _EXTREME,
    "running_min": _EXTREME,
}  # fmt: skip
