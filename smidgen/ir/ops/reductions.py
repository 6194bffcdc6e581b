"""Operators that take one value from each line along an axis."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    AXIS,
    MULTIPLIER,
    SCALED,
    SHIFT,
    Array,
    Form,
    Legal,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    axis_of,
    integer,
    prove_deviations,
    require_below,
    span,
)
from smidgen.numerics import float32, moment, reduction


def _shape(op: Op, x: Operands) -> Shape:
    axis = axis_of(op, x)
    return tuple(size for i, size in enumerate(x[0].shape) if i != axis)


def _mean(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return reduction.mean(
        arrays[0], axis=integer(op, "axis") + 1, zero_points=(x[0].zero_point, y.zero_point),
        multiplier=integer(op, "multiplier"), shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _prove_mean(op: Op, x: Operands, y: Tensor) -> None:
    length, most = x[0].shape[integer(op, "axis")], most_averaged(op, x, y)
    if length > most:
        raise GraphError(f"{op.name}: a mean over {length} elements could overflow, {most} are most")


def most_averaged(op: Op, x: Operands, y: Tensor) -> int:
    """Return how many elements a mean may have so that its sum and its scale fit."""
    if y.is_float:
        return _MOST_COUNTED
    return reduction.most_elements(x[0].dtype, x[0].zero_point, integer(op, "shift"))


# ---- sums, extremes and their positions ------------------------------------------------------------------------------


def _sum(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return reduction.sum_along(
        arrays[0], axis=integer(op, "axis") + 1, zero_points=(x[0].zero_point, y.zero_point),
        multiplier=integer(op, "multiplier"), shift=integer(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


def _prove_sum(op: Op, x: Operands, y: Tensor) -> None:
    length = x[0].shape[integer(op, "axis")]
    require_below(op, "its sum", length * reduction.largest_distance(x[0].dtype, x[0].zero_point), 31)


def _extremum(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    axis, least = integer(op, "axis") + 1, op.kind == "min"
    if x[0].is_float:
        return float32.extremum(arrays[0], axis=axis, least=least)
    return np.asarray(arrays[0].min(axis=axis) if least else arrays[0].max(axis=axis))


def _position(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return float32.position(arrays[0], axis=integer(op, "axis") + 1, least=op.kind == "argmin")


def _integer_position(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    axis = integer(op, "axis") + 1
    return np.asarray(arrays[0].argmin(axis=axis) if op.kind == "argmin" else arrays[0].argmax(axis=axis))


def _prove_position(op: Op, x: Operands, y: Tensor) -> None:
    if y.dtype != "int32":
        raise GraphError(f"{op.name}: {op.kind} gives int32, output {y.name} is declared {y.dtype}")


# ---- second moments --------------------------------------------------------------------------------------------------


def _row_shape(op: Op, x: Operands) -> Shape:
    if not x[0].shape:
        raise GraphError(f"{op.name}: {op.kind} works along the last axis, {x[0].name} has none")
    return x[0].shape[:-1]


def _second_moment(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, y.zero_point)
    return moment.second_moment(arrays[0], **arithmetic_attrs(op), zero_points=zero_points, dtype=y.dtype)


def _prove_moment(op: Op, x: Operands, y: Tensor) -> None:
    attrs = arithmetic_attrs(op)
    prove_deviations(
        op, x[0].shape[-1], span(x[0]), fraction_bits=attrs["fraction_bits"],
        mean_multiplier=attrs["mean_multiplier"], mean_shift=attrs["mean_shift"],
    )  # fmt: skip


_MOST_COUNTED = 2**24  # a float32 holds every number of elements up to here
#: Attributes of the scale of a mean.
MEAN_SCALE: Mapping[str, Legal] = {"multiplier": range(2**30, 2**31), "shift": range(-30, 32)}
_EXTREMUM = Form(attrs=AXIS, evaluate=_extremum)
_EXTREME = OpSpec(arity=1, shape=_shape, time="reduction", moves=True, integer=_EXTREMUM, float32=_EXTREMUM)
_POSITION = OpSpec(
    arity=1, shape=_shape, time="reduction", gives_indices=True,
    integer=Form(attrs=AXIS, evaluate=_integer_position, prove=_prove_position),
    float32=Form(attrs=AXIS, evaluate=_position, prove=_prove_position),
)  # fmt: skip

SPECS: Mapping[str, OpSpec] = {
    "mean": OpSpec(
        arity=1, shape=_shape, time="reduction",
        integer=Form(attrs={**AXIS, **MEAN_SCALE}, prove=_prove_mean, evaluate=_mean),
        float32=Form(
            attrs=AXIS,
            evaluate=lambda op, x, y, arrays: float32.mean(arrays[0], axis=integer(op, "axis") + 1),
        ),
    ),
    "sum": OpSpec(
        arity=1, shape=_shape, time="reduction",
        integer=Form(attrs={**AXIS, **SCALED}, prove=_prove_sum, evaluate=_sum),
        float32=Form(
            attrs=AXIS,
            evaluate=lambda op, x, y, arrays: float32.sum_along(arrays[0], axis=integer(op, "axis") + 1),
        ),
    ),
    "max": _EXTREME,
    "min": _EXTREME,
    "argmax": _POSITION,
    "argmin": _POSITION,
    "second_moment": OpSpec(
        arity=1, shape=_row_shape, time="reduction",
        integer=Form(
            attrs={
                "root": bool, "fraction_bits": range(17), "mean_multiplier": MULTIPLIER, "mean_shift": SHIFT,
                "multiplier": range(2**30, 2**31), "shift": range(-123, 62),
            },
            prove=_prove_moment, evaluate=_second_moment,
        ),
        float32=Form(
            attrs={"centred": bool, "root": bool, "divisor": float},
            evaluate=lambda op, x, y, arrays: float32.second_moment(arrays[0], **arithmetic_attrs(op)),
        ),
    ),
}  # fmt: skip
