"""Operators that only move elements, in any type."""

import math
from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import AXIS, COUNT, Array, Form, Operands, OpSpec, Shape, axis_of, integer, integers


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


_TRANSPOSE = Form(attrs={"permutation": tuple}, evaluate=_transpose)
_RESHAPE = Form(attrs={"shape": tuple}, evaluate=_reshape)
_SLICE = Form(attrs={**AXIS, "start": COUNT, "stop": COUNT}, evaluate=_slice)
_CONCAT = Form(attrs=AXIS, evaluate=_concat)

SPECS: Mapping[str, OpSpec] = {
    "transpose": OpSpec(
        arity=1, shape=_transpose_shape, time="layout", moves=True, integer=_TRANSPOSE, float32=_TRANSPOSE
    ),
    "reshape": OpSpec(arity=1, shape=_reshape_shape, time="layout", moves=True, integer=_RESHAPE, float32=_RESHAPE),
    "slice": OpSpec(arity=1, shape=_slice_shape, time="layout", moves=True, integer=_SLICE, float32=_SLICE),
    "concat": OpSpec(arity=None, shape=_concat_shape, time="layout", moves=True, integer=_CONCAT, float32=_CONCAT),
}
