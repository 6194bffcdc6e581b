"""Operators that treat each element alone: tables and functions of one tensor, sums and products of two."""

from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    SCALED,
    Array,
    Form,
    Legal,
    Operands,
    OpSpec,
    arithmetic_attrs,
    require_below,
    same_shape,
    wide_params,
)
from smidgen.numerics import elementwise, float32, tables


def _table(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return tables.table_lookup(arrays[0], wide_params(op)["table"], x[0].dtype)


def _add(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return elementwise.add(*arrays, **arithmetic_attrs(op), dtype=y.dtype)


def _prove_add(op: Op, x: Operands, y: Tensor) -> None:
    narrow = all(tensor.dtype == "int8" for tensor in x)
    largest = 128 if narrow else 32768
    attrs = arithmetic_attrs(op)
    rounding = 2 ** (attrs["shift"] - 1)
    bound = largest * (abs(attrs["multiplier_a"]) + abs(attrs["multiplier_b"])) + abs(attrs["offset"]) + rounding
    require_below(op, "its sum", bound, 31 if narrow else 63)


def _mul(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, x[1].zero_point, y.zero_point)
    return elementwise.multiply(*arrays, zero_points=zero_points, **arithmetic_attrs(op), dtype=y.dtype)


def _rescale(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return elementwise.rescale(
        arrays[0], zero_point_in=x[0].zero_point, zero_point_out=y.zero_point, **arithmetic_attrs(op), dtype=y.dtype
    )


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _function_attrs(op: Op) -> Mapping[str, Legal]:
    """Return the name of a float32 function and the scalars that it takes."""
    function = str(op.attrs.get("function"))
    if function not in float32.POINTWISE:
        raise GraphError(f"{op.name}: unknown function {function!r}; expected one of {', '.join(float32.POINTWISE)}")
    scalars = ("low", "high") if function == "clamp" else ("scalar",) if function.endswith("_scalar") else ()
    return {"function": str, **dict.fromkeys(scalars, float)}


def _function(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    attrs = arithmetic_attrs(op)
    return float32.POINTWISE[attrs.pop("function")](arrays[0], **attrs)


def _binary(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return float32.BINARY[op.kind](*arrays)


_FLOAT_BINARY = Form(evaluate=_binary)

SPECS: Mapping[str, OpSpec] = {
    "table": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=True,
        integer=Form(params={"table": ("activation", "t")}, evaluate=_table),
    ),
    "pointwise": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=True,
        float32=Form(attrs=_function_attrs, evaluate=_function),
    ),
    "select": OpSpec(
        arity=3, shape=same_shape, time="pointwise", in_place=True,
        float32=Form(evaluate=lambda op, x, y, arrays: float32.select(*arrays)),
    ),
    "add": OpSpec(
        arity=2, shape=same_shape, time="pointwise", in_place=True, float32=_FLOAT_BINARY,
        integer=Form(
            attrs={
                "multiplier_a": range(2**30 + 1), "multiplier_b": range(-(2**30), 2**30 + 1),
                "offset": range(-(2**61), 2**61), "shift": range(1, 47),
            },
            prove=_prove_add, evaluate=_add,
        ),
    ),
    "sub": OpSpec(arity=2, shape=same_shape, time="pointwise", in_place=True, float32=_FLOAT_BINARY),
    "mul": OpSpec(
        arity=2, shape=same_shape, time="pointwise", in_place=True, float32=_FLOAT_BINARY,
        integer=Form(attrs=SCALED, evaluate=_mul),
    ),
    "div": OpSpec(arity=2, shape=same_shape, time="pointwise", in_place=True, float32=_FLOAT_BINARY),
    "rescale": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=True, integer=Form(attrs=SCALED, evaluate=_rescale),
    ),
}  # fmt: skip
