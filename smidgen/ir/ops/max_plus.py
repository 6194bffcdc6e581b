"""The best of sums with constant scores: a matrix product in the max-plus algebra."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    SCALED,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    wide_params,
)
from smidgen.numerics import float32, max_plus


def _shape(op: Op, x: Operands) -> Shape:
    out_width, in_width = op.params["scores"].shape
    if x[0].shape[-1:] != (in_width,):
        raise GraphError(f"{op.name}: scores take {in_width} values, input has shape {x[0].shape}")
    return (*x[0].shape[:-1], out_width)


def _max_plus(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, y.zero_point)
    return max_plus.max_plus(
        arrays[0], **wide_params(op), **arithmetic_attrs(op), zero_points=zero_points, dtype=y.dtype
    )


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    """A score added to any value of x, 16 bits at most, and x's zero point taken off again, stay in an int32."""
    largest = int(np.abs(op.params["scores"].astype(np.int64)).max(initial=0))
    if largest > max_plus.LARGEST_SCORE:
        raise GraphError(f"{op.name}: a score of {largest} could overflow, {max_plus.LARGEST_SCORE} is most")


SPECS: Mapping[str, OpSpec] = {
    "max_plus": OpSpec(
        arity=1, shape=_shape, time="pointwise", macs=lambda op, x, y: y.size * x[0].shape[-1],
        integer=Form(params={"scores": ("int32", "oi")}, attrs=SCALED, prove=_prove, evaluate=_max_plus),
        float32=Form(
            params={"scores": ("float32", "oi")},
            evaluate=lambda op, x, y, arrays: float32.max_plus(arrays[0], op.params["scores"]),
        ),
    ),
}  # fmt: skip
