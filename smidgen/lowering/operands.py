"""Operands of operators that combine tensors element by element: aligned with a sample of the result, not expanded."""

from typing import Any

import numpy as np
from torch import fx

from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.walk import MOST_AXES, broadcast_steps, collapsed
from smidgen.lowering.builder import Builder, Floats
from smidgen.numerics.quantization import QParams, qparams_for_range


def operands(builder: Builder, node: fx.Node, *arguments: Any) -> list[Tensor]:
    """Return the tensors that hold arguments of `node`: computed ones as they are, constants in a scale of their own.

    Constants are stored as they were written, so that a row of a matrix stays a row.
    """
    tensors = []
    for position, argument in enumerate(arguments):
        data = number(builder, argument)
        tensors.append(
            aligned(builder, node, argument) if data is None else stored(builder, node, data, position)
        )  # fmt: skip
    return walkable(builder, node, tensors)


def number(builder: Builder, argument: Any) -> Floats | None:
    """Return an argument that is a scalar or a constant tensor, None for a computed one."""
    if isinstance(argument, fx.Node):
        return builder.constant(argument)
    return np.asarray(argument, np.float64)


def scalar(builder: Builder, argument: Any) -> float | None:
    """Return an argument that is one number, None for anything else."""
    data = number(builder, argument)
    return float(data.reshape(-1)[0]) if data is not None and data.size == 1 else None


def aligned(builder: Builder, node: fx.Node, argument: fx.Node) -> Tensor:
    """Return the tensor of a computed argument with the axes that it has beside those of the result.

    Copies made by an expansion are left out: kernels repeat what has one element along an axis.
    """
    value, batch = node.meta["val"], builder.program.batch
    missing = value.dim() - argument.meta["val"].dim()
    batch_axis = batch.of(value)
    whole = (*[1] * missing, *builder.full_shape(argument))
    shape = tuple(size for axis, size in enumerate(whole) if axis != batch_axis)
    x = builder.operand(argument)
    if x.shape == shape[len(shape) - len(x.shape) :] and x.size == np.prod(shape):
        return builder.unexpanded(x)
    return reshaped(builder, node, x, shape)


def stored(builder: Builder, node: fx.Node, data: Floats, position: int, qparams: QParams | None = None) -> Tensor:
    """Return a constant tensor; without `qparams` in the type of the result with the finest symmetric scale.

    The largest number of its type stands for infinity.
    """
    values = np.atleast_1d(builder.of_sample(node, data))
    while values.ndim > 1 and values.shape[0] == 1:
        values = values[0]
    name = builder.unused(f"{node.name}_constant_{position}")
    if builder.is_float:
        largest = np.finfo(np.float32).max
        finite = np.clip(values, -largest, largest)
        return builder.add_tensor(name, values.shape, None, data=np.ascontiguousarray(finite, np.float32))
    if qparams is None:
        result = builder.qparams(node)
        assert result is not None
        dtype = "int16" if node.meta["val"].dtype.is_floating_point is False else result.dtype
        qparams = qparams_for_range(float(values.min()), float(values.max()), dtype, symmetric=True)
    return builder.add_tensor(name, values.shape, qparams, data=qparams.quantize(values).astype(qparams.dtype))


def reshaped(builder: Builder, node: fx.Node, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x under another shape."""
    if x.shape == shape:
        return x
    y = builder.add_tensor(builder.unused(f"{x.name}_for_{node.name}"), shape, x.qparams, dtype=x.dtype)
    builder.add_op(node, "reshape", [x], y, attrs={"shape": shape}, name=builder.op_name(node, ".reshape"))
    return y


def walkable(builder: Builder, node: fx.Node, tensors: list[Tensor]) -> list[Tensor]:
    """Return the operands; copied to the result's shape where they are repeated in more ways than kernels can walk.

    The first is also where all are repeated along one axis.
    """
    shape = builder.shape(node)
    if np.broadcast_shapes(*(x.shape for x in tensors)) != shape:
        tensors = [expanded(builder, node, tensors[0], shape), *tensors[1:]]
    if len(collapsed(shape, [broadcast_steps(x.shape, shape) for x in tensors])) <= MOST_AXES:
        return tensors
    return [expanded(builder, node, x, shape) for x in tensors]


def expanded(builder: Builder, node: fx.Node, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x copied along its axes of one element to a shape."""
    x = reshaped(builder, node, x, (*[1] * (len(shape) - len(x.shape)), *x.shape))
    for axis, count in enumerate(shape):
        if x.shape[axis] != count:
            grown = tuple(count if i == axis else size for i, size in enumerate(x.shape))
            y = builder.add_tensor(builder.unused(f"{x.name}_expanded"), grown, x.qparams, dtype=x.dtype)
            attrs: dict[str, Attribute] = {"axis": axis, "start": 0, "step": 0, "count": count}
            builder.add_op(node, "strided_slice", [x], y, attrs=attrs, name=builder.op_name(node, ".expand"))
            x = y
    return x
