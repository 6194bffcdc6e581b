"""Normalisation: of rows (RMSNorm and LayerNorm over the last axis) and of groups of channels over all places."""

import math
from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    MULTIPLIER,
    SHIFT,
    SIZE,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    number,
    prove_deviations,
    require_below,
    same_shape,
    span,
    wide_params,
)
from smidgen.numerics import float32, norm, norm_stream

_ATTRS = {
    "normalised_bits": range(1, norm.NORMALISED_BITS + 1), "root_shift": range(33),
    "shift": range(1, norm.RESULT_BITS + 1), "fraction_bits": range(17), "epsilon": range(1, 2**62),
    "mean_multiplier": MULTIPLIER, "mean_shift": SHIFT,
}  # fmt: skip


def _norm(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return norm.norm(
        arrays[0], **wide_params(op), **arithmetic_attrs(op), zero_point=x[0].zero_point, dtype=y.dtype
    )  # fmt: skip


def _prove_count(op: Op, x: Operands, count: int) -> None:
    attrs = arithmetic_attrs(op)
    prove_deviations(
        op, count, span(x[0]), fraction_bits=attrs["fraction_bits"], mean_multiplier=attrs["mean_multiplier"],
        mean_shift=attrs["mean_shift"], epsilon=attrs["epsilon"],
    )  # fmt: skip
    root_shift = norm.root_shift_of(x[0].dtype, attrs["fraction_bits"])
    if attrs["root_shift"] != root_shift:
        raise GraphError(f"{op.name}: root_shift must be {root_shift} for {x[0].dtype}, it is {attrs['root_shift']}")
    gain, bias = (int(np.abs(wide_params(op)[role]).max()) for role in ("gain", "bias"))
    product = ((2 << attrs["normalised_bits"]) * gain) >> norm.GAIN_BITS  # a normalised element is at most 1 and a few
    require_below(op, "a product with its bias", product + bias + (128 << norm.RESULT_BITS), 31)


def runs_on_norm_stream(op: Op, x: Tensor, y: Tensor) -> bool:
    """True if the kernel for rows of int8 to int8 takes this norm, whose constants are then one stream."""
    if op.kind not in ("rms_norm", "layer_norm"):
        return False
    fits = norm_stream.LEAST_CHANNELS <= x.shape[-1] <= norm_stream.MOST_CHANNELS
    return fits and x.dtype == y.dtype == "int8" and integer(op, "shift") == norm.RESULT_BITS


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    _prove_count(op, x, x[0].shape[-1])


# ---- groups of channels ----------------------------------------------------------------------------------------------


def _group_shape(op: Op, x: Operands) -> Shape:
    shape, groups, spatial = x[0].shape, integer(op, "groups"), integer(op, "spatial")
    if shape[-1] % groups or spatial >= len(shape):
        raise GraphError(f"{op.name}: {shape} has no {spatial} axes before channels that part into {groups} groups")
    return shape


def places(op: Op, x: Operands) -> int:
    """Return how many places a group norm takes together: those along the last axes before the channels."""
    return math.prod(x[0].shape[len(x[0].shape) - 1 - integer(op, "spatial") : -1])


def _group_norm(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    attrs = arithmetic_attrs(op)
    groups, _ = attrs.pop("groups"), attrs.pop("spatial")
    parted = arrays[0].reshape(
        -1, places(op, x), groups, x[0].shape[-1] // groups
    )  # (instances, places, groups, width)
    params = {role: array.reshape(groups, -1) for role, array in wide_params(op).items()}
    found = norm.norm(parted, **params, **attrs, zero_point=x[0].zero_point, dtype=y.dtype, axes=(1, 3))
    return found.reshape(arrays[0].shape)


def _prove_group(op: Op, x: Operands, y: Tensor) -> None:
    _prove_count(op, x, places(op, x) * x[0].shape[-1] // integer(op, "groups"))


def _float_group_norm(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    instances = arrays[0].reshape(-1, places(op, x), x[0].shape[-1])
    eps = number(op, "eps")
    found = float32.group_norm(instances, **float_params(op), groups=integer(op, "groups"), eps=eps)
    return found.reshape(arrays[0].shape)


_GROUPS = {"groups": SIZE, "spatial": range(4)}
_PARAMS = {"gain": ("int16", "o"), "bias": ("int32", "o")}
_FLOAT_PARAMS = {"gain": ("float32", "o"), "bias": ("float32", "o")}
_INTEGER = Form(params=_PARAMS, attrs=_ATTRS, prove=_prove, evaluate=_norm)

SPECS: Mapping[str, OpSpec] = {
    "rms_norm": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1, integer=_INTEGER,
        float32=Form(
            params={"gain": ("float32", "o")}, attrs={"eps": float},
            evaluate=lambda op, x, y, arrays: float32.rms_norm(arrays[0], **float_params(op), **arithmetic_attrs(op)),
        ),
    ),
    "layer_norm": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=1, integer=_INTEGER,
        float32=Form(
            params=_FLOAT_PARAMS, attrs={"eps": float},
            evaluate=lambda op, x, y, arrays: float32.layer_norm(arrays[0], **float_params(op), **arithmetic_attrs(op)),
        ),
    ),
    "group_norm": OpSpec(
        arity=1, shape=_group_shape, time="whole", in_place=1,
        integer=Form(
            params=_PARAMS, attrs={**_ATTRS, **_GROUPS}, prove=_prove_group, evaluate=_group_norm,
        ),
        float32=Form(
            params=_FLOAT_PARAMS, attrs={"eps": float, **_GROUPS}, evaluate=_float_group_norm,
        ),
    ),
}  # fmt: skip
