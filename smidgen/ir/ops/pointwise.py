"""Operators that treat each element alone: functions of one tensor, and arithmetic of two or three, broadcast."""

from collections.abc import Callable, Mapping

import numpy as np

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
    broadcast,
    broadcast_shape,
    require_below,
    require_int16,
    require_one_scale,
    require_symmetric,
    same_shape,
    wide_params,
)
from smidgen.numerics import elementwise, float32, tables


def _table(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return tables.table_lookup(arrays[0], wide_params(op)["table"], x[0].dtype)


def _add(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return elementwise.add(*broadcast(y, arrays), **arithmetic_attrs(op), dtype=y.dtype)


def _prove_add(op: Op, x: Operands, y: Tensor) -> None:
    narrow = all(tensor.dtype == "int8" for tensor in x)
    largest = 128 if narrow else 32768
    attrs = arithmetic_attrs(op)
    rounding = 2 ** (attrs["shift"] - 1)
    bias = 2**23 if narrow else 0  # 128 steps, which kernels add to saturate without a sign
    bound = largest * (abs(attrs["multiplier_a"]) + abs(attrs["multiplier_b"])) + abs(attrs["offset"]) + rounding + bias
    require_below(op, "its sum", bound, 31 if narrow else 63)


def _mul(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, x[1].zero_point, y.zero_point)
    return elementwise.multiply(*broadcast(y, arrays), zero_points=zero_points, **arithmetic_attrs(op), dtype=y.dtype)


def _div(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, x[1].zero_point, y.zero_point)
    return elementwise.divide(*broadcast(y, arrays), zero_points=zero_points, **arithmetic_attrs(op), dtype=y.dtype)


def _chosen(function: Callable[[Array, Array], Array]) -> Form:
    """Return the integer form of a choice between two values in one scale."""
    return Form(
        prove=lambda op, x, y: require_one_scale(op, y, *x),
        evaluate=lambda op, x, y, arrays: function(*broadcast(y, arrays)),
    )


def _select(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    condition, chosen, other = broadcast(y, arrays)
    return np.where(condition != 0, chosen, other)


def _prove_select(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, x[0])
    require_one_scale(op, y, *x[1:])


def _steps(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    params = wide_params(op)
    return tables.step_lookup(arrays[0], params["thresholds"], params["values"])


def _prove_steps(op: Op, x: Operands, y: Tensor) -> None:
    require_int16(op, x[0])
    thresholds, values = op.params["thresholds"], op.params["values"]
    if np.any(np.diff(thresholds.astype(np.int64)) <= 0) or len(values) != len(thresholds) + 1:
        raise GraphError(f"{op.name}: thresholds must rise and have one value more, got {thresholds} and {values}")


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
    return {"function": str, **dict.fromkeys(float32.SCALARS.get(function, ()), float)}


def _function(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    attrs = arithmetic_attrs(op)
    return float32.POINTWISE[attrs.pop("function")](arrays[0], **attrs)


def _binary(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return float32.BINARY[op.kind](*broadcast(y, arrays))


_FLOAT_BINARY = Form(evaluate=_binary)

SPECS: Mapping[str, OpSpec] = {
    "table": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1,
        integer=Form(params={"table": ("activation", "t")}, evaluate=_table),
    ),
    "steps": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1,
        integer=Form(
            params={"thresholds": ("int16", "."), "values": ("activation", ".")}, prove=_prove_steps, evaluate=_steps
        ),
    ),
    "pointwise": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1,
        float32=Form(attrs=_function_attrs, evaluate=_function),
    ),
    "select": OpSpec(
        arity=3, shape=broadcast_shape, time="pointwise", in_place=3,
        integer=Form(prove=_prove_select, evaluate=_select),
        float32=Form(evaluate=lambda op, x, y, arrays: float32.select(*broadcast(y, arrays))),
    ),
    "add": OpSpec(
        arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY,
        integer=Form(
            attrs={
                "multiplier_a": range(2**30 + 1), "multiplier_b": range(-(2**30), 2**30 + 1),
                "offset": range(-(2**61), 2**61), "shift": range(1, 47),
            },
            prove=_prove_add, evaluate=_add,
        ),
    ),
    "sub": OpSpec(arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY),
    "mul": OpSpec(
        arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY,
        integer=Form(attrs=SCALED, evaluate=_mul),
    ),
    "div": OpSpec(
        arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY,
        integer=Form(attrs={**SCALED, "shift": elementwise.QUOTIENT_SHIFT}, evaluate=_div),
    ),
    "maximum": OpSpec(
        arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY,
        integer=_chosen(np.maximum),
    ),
    "minimum": OpSpec(
        arity=2, shape=broadcast_shape, time="pointwise", in_place=2, float32=_FLOAT_BINARY,
        integer=_chosen(np.minimum),
    ),
    "rescale": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1, integer=Form(attrs=SCALED, evaluate=_rescale),
    ),
}  # fmt: skip
