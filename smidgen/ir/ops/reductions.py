"""Operators that take one value from each line along an axis, or from all elements so far."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    AXIS,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    axis_of,
    integer,
    same_shape,
)
from smidgen.numerics import float32, reduction


def _shape(op: Op, x: Operands) -> Shape:
    axis = axis_of(op, x)
    return tuple(size for i, size in enumerate(x[0].shape) if i != axis)


def _mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return reduction.mean(
        arrays[0], axis=integer(op, "axis") + 1, zero_points=(x[0].zero_point, y.zero_point),
        multiplier=integer(op, "multiplier"), shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _prove_mean(op: Op, x: Operands, y: Tensor) -> None:
    length, most = x[0].shape[integer(op, "axis") if op.kind == "mean" else 0], _most_elements(op, x, y)
    if length > most:
        raise GraphError(f"{op.name}: a mean over {length} elements could overflow, {most} are most")


def _most_elements(op: Op, x: Operands, y: Tensor) -> int:
    if y.is_float:
        return _MOST_COUNTED
    return reduction.most_elements(x[0].dtype, x[0].zero_point, integer(op, "shift"))


def _running_mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return reduction.running_mean(
        *arrays, zero_points=(x[0].zero_point, y.zero_point), multiplier=integer(op, "multiplier"),
        shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _float_running_mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    terms, totals, count = arrays
    means = float32.running_mean(terms, totals, before=int(count[0, 0]))
    count += terms.shape[1]
    return means


def _running_mean_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    return (
        State(role="totals", shape=x[0].shape[1:], dtype="float32" if y.is_float else "int32"),
        State(role="count", shape=(1,), dtype="int32"),
    )


def _argmax(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return np.asarray(np.argmax(arrays[0], axis=integer(op, "axis") + 1))


def _prove_argmax(op: Op, x: Operands, y: Tensor) -> None:
    if y.dtype != "int32":
        raise GraphError(f"{op.name}: argmax gives int32, output {y.name} is declared {y.dtype}")


_MOST_COUNTED = 2**24  # a float32 holds every number of elements up to here
_MEAN = {"multiplier": range(2**30, 2**31), "shift": range(-30, 32)}
_ARGMAX = Form(attrs=AXIS, evaluate=_argmax, prove=_prove_argmax)

SPECS: Mapping[str, OpSpec] = {
    "mean": OpSpec(
        arity=1, shape=_shape, time="reduction",
        integer=Form(attrs={**AXIS, **_MEAN}, prove=_prove_mean, evaluate=_mean),
        float32=Form(
            attrs=AXIS,
            evaluate=lambda op, x, y, arrays: float32.mean(arrays[0], axis=integer(op, "axis") + 1),
        ),
    ),
    "running_mean": OpSpec(
        arity=1, shape=same_shape, time="recurrence", states=_running_mean_states, element_limit=_most_elements,
        integer=Form(attrs=_MEAN, prove=_prove_mean, evaluate=_running_mean),
        float32=Form(prove=_prove_mean, evaluate=_float_running_mean),
    ),
    "argmax": OpSpec(arity=1, shape=_shape, time="reduction", integer=_ARGMAX, float32=_ARGMAX),
}  # fmt: skip
