"""Operators that only move elements, in any type."""

import math
from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    AXIS,
    COUNT,
    SIZE,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    axis_of,
    integer,
    integers,
)
from smidgen.numerics.fixed_point import integer_range


def _transpose_shape(op: Op, x: Operands) -> Shape:
    permutation = integers(op, "permutation")
    if sorted(permutation) != list(range(len(x[0].shape))):
        raise GraphError(f"{op.name}: {permutation} does not permute the axes of {x[0].shape}")
    return tuple(x[0].shape[axis] for axis in permutation)


def _transpose(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return arrays[0].transpose(0, *(axis + 1 for axis in integers(op, "permutation")))


def _reshape_shape(op: Op, x: Operands) -> Shape:
    shape = integers(op, "shape")
    if math.prod(shape) != x[0].size:
        raise GraphError(f"{op.name}: cannot view {x[0].shape} as {shape}")
    return shape


def _reshape(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return arrays[0].reshape(len(arrays[0]), *integers(op, "shape"))


def _slice_shape(op: Op, x: Operands) -> Shape:
    axis, start, stop = axis_of(op, x), integer(op, "start"), integer(op, "stop")
    shape = list(x[0].shape)
    if not 0 <= start < stop <= shape[axis]:
        raise GraphError(f"{op.name}: [{start}:{stop}] is outside axis {axis} of {x[0].shape}")
    shape[axis] = stop - start
    return tuple(shape)


def _slice(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    index: list[slice] = [slice(None)] * arrays[0].ndim
    index[integer(op, "axis") + 1] = slice(integer(op, "start"), integer(op, "stop"))
    return arrays[0][tuple(index)]


def _concat_shape(op: Op, x: Operands) -> Shape:
    axis = axis_of(op, x)
    first = x[0].shape
    for other in x[1:]:
        if len(other.shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(first, other.shape, strict=True)) if i != axis
        ):
            raise GraphError(f"{op.name}: cannot join {first} and {other.shape} along axis {axis}")
    return (*first[:axis], sum(other.shape[axis] for other in x), *first[axis + 1 :])


def _concat(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return np.concatenate(arrays, axis=integer(op, "axis") + 1)


def _along(op: Op, x: Operands, count: int) -> Shape:
    axis = axis_of(op, x)
    return (*x[0].shape[:axis], count, *x[0].shape[axis + 1 :])


def _positions(op: Op) -> Array:
    return integer(op, "start") + integer(op, "step") * np.arange(integer(op, "count"))


def _prove_positions(op: Op, x: Operands, y: Tensor) -> None:
    first = integer(op, "start")
    _require_inside(op, x, np.array([first, first + integer(op, "step") * (integer(op, "count") - 1)]))


def _require_inside(op: Op, x: Operands, positions: Array) -> None:
    size = x[0].shape[integer(op, "axis")]
    outside = positions[(positions < 0) | (positions >= size)]
    if outside.size:
        raise GraphError(f"{op.name}: position {outside[0]} is outside axis {op.attrs['axis']} of {x[0].shape}")


def _taken(op: Op, arrays: list[Array], positions: Array) -> Array:
    return arrays[0].take(positions, axis=integer(op, "axis") + 1)


def _prove_take(op: Op, x: Operands, y: Tensor) -> None:
    _require_inside(op, x, op.params["indices"])


def _pad_shape(op: Op, x: Operands) -> Shape:
    return _along(op, x, integer(op, "before") + x[0].shape[axis_of(op, x)] + integer(op, "after"))


def _pad(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    widths = [(0, 0)] * arrays[0].ndim
    widths[integer(op, "axis") + 1] = (integer(op, "before"), integer(op, "after"))
    fill = np.asarray(op.attrs["fill"], arrays[0].dtype)
    return np.pad(arrays[0], widths, constant_values=fill)


def _prove_pad(op: Op, x: Operands, y: Tensor) -> None:
    low, high = integer_range(y.dtype)
    if not low <= integer(op, "fill") <= high:
        raise GraphError(f"{op.name}: fill {op.attrs['fill']} is no value of {y.dtype}")


_TRANSPOSE = Form(attrs={"permutation": tuple}, evaluate=_transpose)
_RESHAPE = Form(attrs={"shape": tuple}, evaluate=_reshape)
_SLICE = Form(attrs={**AXIS, "start": COUNT, "stop": COUNT}, evaluate=_slice)
_CONCAT = Form(attrs=AXIS, evaluate=_concat)
_STRIDED_SLICE = Form(
    attrs={**AXIS, "start": COUNT, "step": range(-(2**31), 2**31), "count": SIZE}, prove=_prove_positions,
    evaluate=lambda op, x, y, arrays: _taken(op, arrays, _positions(op)),
)  # fmt: skip
_TAKE = Form(
    params={"indices": ("int16", ".")}, attrs=AXIS, prove=_prove_take,
    evaluate=lambda op, x, y, arrays: _taken(op, arrays, op.params["indices"]),
)  # fmt: skip
_PADDING = {**AXIS, "before": COUNT, "after": COUNT}

SPECS: Mapping[str, OpSpec] = {
    "transpose": OpSpec(
        arity=1, shape=_transpose_shape, time="layout", moves=True, integer=_TRANSPOSE, float32=_TRANSPOSE
    ),
    "reshape": OpSpec(arity=1, shape=_reshape_shape, time="layout", moves=True, integer=_RESHAPE, float32=_RESHAPE),
    "slice": OpSpec(arity=1, shape=_slice_shape, time="layout", moves=True, integer=_SLICE, float32=_SLICE),
    "concat": OpSpec(arity=None, shape=_concat_shape, time="layout", moves=True, integer=_CONCAT, float32=_CONCAT),
    "strided_slice": OpSpec(
        arity=1, shape=lambda op, x: _along(op, x, integer(op, "count")), time="layout", moves=True,
        integer=_STRIDED_SLICE, float32=_STRIDED_SLICE,
    ),
    "take": OpSpec(
        arity=1, shape=lambda op, x: _along(op, x, len(op.params["indices"])), time="layout", moves=True,
        integer=_TAKE, float32=_TAKE,
    ),
    "pad": OpSpec(
        arity=1, shape=_pad_shape, time="layout", moves=True,
        integer=Form(attrs={**_PADDING, "fill": range(-(2**15), 2**15)}, prove=_prove_pad, evaluate=_pad),
        float32=Form(attrs={**_PADDING, "fill": float}, evaluate=_pad),
    ),
}  # fmt: skip
