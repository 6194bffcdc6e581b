"""Rows of a table by their number; a number below 0 means row 0, one beyond the table its last row."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import Array, Form, Operands, OpSpec, Shape
from smidgen.numerics.embedding import embedding


def _shape(op: Op, x: Operands) -> Shape:
    return (*x[0].shape, op.params["table"].shape[1])


def _embedding(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return embedding(arrays[0], np.asarray(op.params["table"]))


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    qparams = x[0].qparams
    if qparams is not None and (qparams.scale != 1.0 or qparams.zero_point):
        raise GraphError(f"{op.name}: {x[0].name} numbers rows and must have scale 1 and zero point 0, has {qparams}")


SPECS: Mapping[str, OpSpec] = {
    "embedding": OpSpec(
        arity=1, shape=_shape, time="lookup", takes_indices=True,
        integer=Form(params={"table": ("activation", "..")}, prove=_prove, evaluate=_embedding),
        float32=Form(params={"table": ("float32", "..")}, prove=_prove, evaluate=_embedding),
    ),
}  # fmt: skip
