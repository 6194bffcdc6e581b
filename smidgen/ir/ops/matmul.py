"""Products of two computed matrices, one for each place along the leading axes."""

import math
from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    MULTIPLIER,
    RIGHT_SHIFT,
    SHIFT,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    require_below,
    require_symmetric,
)
from smidgen.numerics import float32, matmul


def matrix_sizes(op: Op, x: Operands) -> tuple[int, int, int]:
    """Return (m, k, n) of a (..., m, k) times b (..., k, n), or (..., n, k) where it is transposed."""
    (m, k), (rows, columns) = x[0].shape[-2:], x[1].shape[-2:]
    return (m, k, rows) if op.attrs["transposed"] else (m, k, columns)


def _shape(op: Op, x: Operands) -> Shape:
    a, b = x[0].shape, x[1].shape
    if len(a) < 2 or len(b) < 2:
        raise GraphError(f"{op.name}: matrices have two axes at least, got {a} and {b}")
    m, k, n = matrix_sizes(op, x)
    if k != b[-1 if op.attrs["transposed"] else -2]:
        raise GraphError(f"{op.name}: {a} and {b} do not go together, transposed={op.attrs['transposed']}")
    leading = [shape[:-2] for shape in (a, b) if math.prod(shape[:-2]) > 1]
    if len(set(leading)) > 1:
        raise GraphError(f"{op.name}: leading axes {a[:-2]} and {b[:-2]} differ; one of them must have one element")
    return (*max((a[:-2], b[:-2]), key=lambda shape: (math.prod(shape), len(shape))), m, n)


def _macs(op: Op, x: Operands, y: Tensor) -> int:
    return y.size * x[0].shape[-1]


def _matmul(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    aligned = _aligned(x, y, arrays)
    return matmul.matmul(*aligned, **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype)


def _float_matmul(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return float32.matmul(*_aligned(x, y, arrays), **arithmetic_attrs(op))


def _aligned(x: Operands, y: Tensor, arrays: list[Array]) -> list[Array]:
    """Return the operands with as many leading axes as the result."""
    missing = [(1,) * (len(y.shape) - len(operand.shape)) for operand in x]
    return [array.reshape(len(array), *ones, *array.shape[1:]) for ones, array in zip(missing, arrays, strict=True)]


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, *x)
    largest = matmul.largest_product_sum(x[0].dtype, x[1].dtype, x[0].shape[-1])
    prescale = arithmetic_attrs(op)["prescale"]
    require_below(op, "a sum of products", (largest + (2**prescale >> 1)) >> prescale, 31)
    require_below(op, "a sum of products", largest, 53)


SPECS: Mapping[str, OpSpec] = {
    "matmul": OpSpec(
        arity=2, shape=_shape, time="matmul", macs=_macs,
        integer=Form(
            attrs={"transposed": bool, "prescale": RIGHT_SHIFT, "multiplier": MULTIPLIER, "shift": SHIFT},
            prove=_prove, evaluate=_matmul,
        ),
        float32=Form(attrs={"transposed": bool}, evaluate=_float_matmul),
    ),
}  # fmt: skip
