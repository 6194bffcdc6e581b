"""Poolings over one axis (time) or two, channels last: the mean or the largest element of each window."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    SHIFT,
    Array,
    Form,
    Legal,
    Operands,
    OpSpec,
    Shape,
    integer,
    require_below,
    span,
    wide_params,
)
from smidgen.ir.ops.sliding import PLACING, as_images, image_shape, slid_shape, window_of
from smidgen.numerics import float32, pooling

_GEOMETRY: Mapping[str, Legal] = {**PLACING, "size": tuple}
_AVERAGE: Mapping[str, Legal] = {**_GEOMETRY, "count_padding": bool}


def _shape(op: Op, x: Operands) -> Shape:
    return slid_shape(op, x, x[0].shape[-1])


def _prove_elements(op: Op, x: Operands, y: Tensor) -> None:
    """Raise GraphError where a window lies in the padding alone."""
    ones = np.ones((1, *image_shape(x[0].shape)[1:3], 1), np.int64)
    if pooling.elements_inside(ones, window_of(op)).min() < 1:
        raise GraphError(f"{op.name}: a window lies in the padding alone; pad less than half of it")


def _max_pool(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    pool = float32.max_pool if x[0].is_float else pooling.max_pool
    return pool(as_images(x, arrays[0]), window_of(op)).reshape(-1, *y.shape)


def _average_pool(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    found = pooling.average_pool(
        as_images(x, arrays[0]), window_of(op), **wide_params(op), shift=integer(op, "shift"),
        count_padding=bool(op.attrs["count_padding"]), zero_points=(x[0].zero_point, y.zero_point), dtype=y.dtype,
    )  # fmt: skip
    return found.reshape(-1, *y.shape)


def _prove_average(op: Op, x: Operands, y: Tensor) -> None:
    _prove_elements(op, x, y)
    rows, columns = window_of(op).size
    require_below(op, "its sum", rows * columns * span(x[0]), 31)
    needed = 1 if op.attrs["count_padding"] else rows * columns
    if len(op.params["multiplier"]) != needed:
        raise GraphError(f"{op.name}: multiplier must have {needed} elements, got {len(op.params['multiplier'])}")


def _float_average_pool(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    counted = bool(op.attrs["count_padding"])
    return float32.average_pool(as_images(x, arrays[0]), window_of(op), count_padding=counted).reshape(-1, *y.shape)


_MAX = Form(attrs=_GEOMETRY, prove=_prove_elements, evaluate=_max_pool)

SPECS: Mapping[str, OpSpec] = {
    "max_pool": OpSpec(arity=1, shape=_shape, time="window", moves=True, integer=_MAX, float32=_MAX),
    "average_pool": OpSpec(
        arity=1, shape=_shape, time="window",
        integer=Form(
            params={"multiplier": ("int32", ".")}, attrs={**_AVERAGE, "shift": SHIFT}, prove=_prove_average,
            evaluate=_average_pool,
        ),
        float32=Form(attrs=_AVERAGE, prove=_prove_elements, evaluate=_float_average_pool),
    ),
}  # fmt: skip
