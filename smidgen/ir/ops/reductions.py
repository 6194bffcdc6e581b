"""Operators that take one value from each line along an axis."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    AXIS,
    SCALED,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    axis_of,
    integer,
    require_below,
    span,
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
    require_below(op, "its sum", x[0].shape[integer(op, "axis")] * span(x[0]), 31)


def _argmax(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return np.asarray(np.argmax(arrays[0], axis=integer(op, "axis") + 1))


def _prove_argmax(op: Op, x: Operands, y: Tensor) -> None:
    if y.dtype != "int32":
        raise GraphError(f"{op.name}: argmax gives int32, output {y.name} is declared {y.dtype}")


_ARGMAX = Form(attrs=AXIS, evaluate=_argmax, prove=_prove_argmax)

SPECS: Mapping[str, OpSpec] = {
    "mean": OpSpec(
        arity=1, shape=_shape, time="reduction",
        integer=Form(attrs={**AXIS, **SCALED}, prove=_prove_mean, evaluate=_mean),
        float32=Form(
            attrs=AXIS,
            evaluate=lambda op, x, y, arrays: float32.mean(arrays[0], axis=integer(op, "axis") + 1),
        ),
    ),
    "argmax": OpSpec(arity=1, shape=_shape, time="reduction", integer=_ARGMAX, float32=_ARGMAX),
}  # fmt: skip
