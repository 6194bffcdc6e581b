"""Convolutions with stored weights over one axis (time) or two, channels last."""

import math
from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    ACCUMULATOR,
    SIZE,
    Array,
    Form,
    Legal,
    Operands,
    OpSpec,
    Shape,
    float_params,
    integer,
    wide_params,
)
from smidgen.ir.ops.projections import CHANNELS, finish, prove_dot_products, row_count
from smidgen.ir.ops.sliding import PLACING, as_images, slid_shape, window_of
from smidgen.numerics import convolution, depthwise, float32, row_pairs

_GEOMETRY: Mapping[str, Legal] = {**PLACING, "input_dilation": tuple, "groups": SIZE}


def _shape(op: Op, x: Operands) -> Shape:
    out_channels, _, _, group_width = op.params["weight"].shape
    groups = integer(op, "groups")
    if x[0].shape[-1] != group_width * groups or out_channels % groups:
        raise GraphError(f"{op.name}: weight {op.params['weight'].shape} in {groups} groups and {x[0].shape}")
    return slid_shape(op, x, out_channels)


def _macs(op: Op, x: Operands, y: Tensor) -> int:
    return y.size * math.prod(op.params["weight"].shape[1:])


def _conv2d(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    acc = convolution.conv2d_products(
        as_images(x, arrays[0]), wide_params(op)["weight"], window_of(op), pad_value=x[0].zero_point,
        groups=integer(op, "groups"),
    )  # fmt: skip
    return finish(op, y, acc).reshape(-1, *y.shape)


def _float_conv2d(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    found = float32.conv2d(
        as_images(x, arrays[0]), **float_params(op), window=window_of(op), groups=integer(op, "groups")
    )  # fmt: skip
    return found.reshape(-1, *y.shape)


def runs_depthwise(op: Op, x: Operands, y: Tensor) -> bool:
    """True if each channel has taps of its own, and the kernel reads them for four channels at a time."""
    channels = x[0].shape[-1]
    types_fit = x[0].dtype in ("int8", "int16") and y.dtype in ("int8", "int16")
    has_own_taps = channels == y.shape[-1] == integer(op, "groups") >= depthwise.CHANNELS
    return types_fit and has_own_taps and window_of(op).input_dilation == (1, 1)


def convolves_on_row_pairs(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the kernel gathers what an output reads, and multiplies it as a linear layer on row pairs does."""
    types_fit = x[0].dtype == "int8" and y.dtype in ("int8", "int16")
    one_group = integer(op, "groups") == 1 and x[0].shape[-1] % 4 == 0 and window_of(op).input_dilation == (1, 1)
    return types_fit and one_group and row_pairs.fits_row_pairs(_rows_of_weights(op), row_count(y))


def _rows_of_weights(op: Op) -> Array:
    weight = op.params["weight"]
    return weight.reshape(len(weight), -1)


def _scratch_bytes(op: Op, x: Operands, y: Tensor) -> int:
    if convolves_on_row_pairs(op, x, y):
        return row_pairs.scratch_bytes(_rows_of_weights(op).shape[1], row_count(y)) + x[0].shape[-1]
    if not runs_depthwise(op, x, y):
        return 0
    return depthwise.scratch_bytes(x[0].shape[-1], math.prod(op.params["weight"].shape[1:]), x[0].dtype)


SPECS: Mapping[str, OpSpec] = {
    "conv2d": OpSpec(
        arity=1, shape=_shape, time="window", macs=_macs, scratch_bytes=_scratch_bytes,
        integer=Form(
            params={"weight": ("int8", "o..."), **CHANNELS}, attrs={**ACCUMULATOR, **_GEOMETRY},
            prove=prove_dot_products, evaluate=_conv2d,
        ),
        float32=Form(
            params={"weight": ("float32", "o..."), "bias": ("float32", "o")}, attrs=_GEOMETRY, evaluate=_float_conv2d,
        ),
    ),
}  # fmt: skip
