"""Products with stored weights: linear layers and convolutions."""

import math
from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    ACCUMULATOR,
    COUNT,
    SIZE,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    wide_params,
)
from smidgen.numerics import float32, linear
from smidgen.numerics.fixed_point import integer_range, prove_accumulator

_WEIGHT_LIMIT = 127

_CHANNELS = {"bias": ("int32", "o"), "multiplier": ("int32", "o")}
_GEOMETRY = {"pad_left": COUNT, "pad_right": COUNT, "stride": SIZE, "dilation": SIZE, "groups": SIZE}


def prove_weight_accumulator(op: Op, dtype: str) -> None:
    """Raise GraphError unless the products of the op's weight with values of `dtype`, plus bias, fit int32."""
    weight = op.params["weight"].astype(np.int64)
    if np.abs(weight).max(initial=0) > _WEIGHT_LIMIT:
        raise GraphError(f"{op.name}: weights must lie in -127..127, found {weight.min()}")
    low, high = integer_range(dtype)
    rows = np.abs(weight).reshape(weight.shape[0], -1).sum(axis=1)
    prove_accumulator(rows * max(-low, high) + np.abs(op.params["bias"].astype(np.int64)), op.name)


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    prove_weight_accumulator(op, x[0].dtype)


def _finish(op: Op, y: Tensor, acc: Array) -> Array:
    p = wide_params(op)
    return linear.finish_accumulator(acc, p["bias"], p["multiplier"], integer(op, "shift"), y.zero_point, y.dtype)


# ---- linear ----------------------------------------------------------------------------------------------------------


def _linear_shape(op: Op, x: Operands) -> Shape:
    out_width, in_width = op.params["weight"].shape
    if x[0].shape[-1:] != (in_width,):
        raise GraphError(f"{op.name}: weight takes {in_width} features, input has shape {x[0].shape}")
    return (*x[0].shape[:-1], out_width)


def _linear(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return _finish(op, y, linear.dot_products(arrays[0], wide_params(op)["weight"]))


# ---- convolution -----------------------------------------------------------------------------------------------------


def _conv1d_shape(op: Op, x: Operands) -> Shape:
    out_channels, group_width, taps = op.params["weight"].shape
    groups = integer(op, "groups")
    if len(x[0].shape) != 2 or x[0].shape[1] != group_width * groups or out_channels % groups:
        raise GraphError(f"{op.name}: weight {(out_channels, group_width, taps)} in {groups} groups and {x[0].shape}")
    padded = x[0].shape[0] + integer(op, "pad_left") + integer(op, "pad_right")
    length = (padded - integer(op, "dilation") * (taps - 1) - 1) // integer(op, "stride") + 1
    return (length, out_channels)


def _conv1d_macs(op: Op, x: Operands, y: Tensor) -> int:
    return y.size * math.prod(op.params["weight"].shape[1:])


def _conv1d(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    geometry = {key: integer(op, key) for key in ("stride", "dilation", "groups")}
    pad = (integer(op, "pad_left"), integer(op, "pad_right"))
    acc = linear.conv1d_products(arrays[0], wide_params(op)["weight"], pad=pad, pad_value=x[0].zero_point, **geometry)
    return _finish(op, y, acc)


def _float_conv1d(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    attrs = arithmetic_attrs(op)
    pad = (attrs.pop("pad_left"), attrs.pop("pad_right"))
    return float32.conv1d(arrays[0], **float_params(op), pad=pad, **attrs)


SPECS: Mapping[str, OpSpec] = {
    "linear": OpSpec(
        arity=1, shape=_linear_shape, time="pointwise", macs=lambda op, x, y: y.size * x[0].shape[-1],
        integer=Form(
            params={"weight": ("int8", "oi"), **_CHANNELS}, attrs=ACCUMULATOR, prove=_prove, evaluate=_linear,
        ),
        float32=Form(
            params={"weight": ("float32", "oi"), "bias": ("float32", "o")},
            evaluate=lambda op, x, y, arrays: float32.linear(arrays[0], **float_params(op)),
        ),
    ),
    "conv1d": OpSpec(
        arity=1, shape=_conv1d_shape, time="window", macs=_conv1d_macs,
        integer=Form(
            params={"weight": ("int8", "o.."), **_CHANNELS}, attrs={**ACCUMULATOR, **_GEOMETRY}, prove=_prove,
            evaluate=_conv1d,
        ),
        float32=Form(
            params={"weight": ("float32", "o.."), "bias": ("float32", "o")}, attrs=_GEOMETRY, evaluate=_float_conv1d,
        ),
    ),
}  # fmt: skip
