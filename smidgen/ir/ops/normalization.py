"""Normalisation of rows: RMSNorm and LayerNorm over the last axis."""

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
    arithmetic_attrs,
    float_params,
    require_below,
    same_shape,
    span,
    wide_params,
)
from smidgen.numerics import float32, norm

_ATTRS = {
    "gain_shift": RIGHT_SHIFT, "fraction_bits": range(17), "epsilon": range(1, 2**62),
    "mean_multiplier": MULTIPLIER, "mean_shift": SHIFT,
}  # fmt: skip


def _norm(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return norm.norm(
        arrays[0], **wide_params(op), **arithmetic_attrs(op), zero_point=x[0].zero_point, dtype=y.dtype
    )  # fmt: skip


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    attrs = arithmetic_attrs(op)
    width, largest, bits = x[0].shape[-1], span(x[0]), attrs["fraction_bits"]
    require_below(op, "the sum of a row", width * largest, 31)
    require_below(op, "the power of a row", width * (largest << bits) ** 2 + attrs["epsilon"], 62)
    exact_mean = 2.0**bits / width
    if attrs["mean_multiplier"] * 2.0 ** (attrs["mean_shift"] - 32) > exact_mean * (1 + 2.0**-10):
        raise GraphError(f"{op.name}: mean_multiplier says more than the mean of {width} features")


_INTEGER = Form(params={"gain": ("int16", "o"), "bias": ("int32", "o")}, attrs=_ATTRS, prove=_prove, evaluate=_norm)

SPECS: Mapping[str, OpSpec] = {
    "rms_norm": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=True, integer=_INTEGER,
        float32=Form(
            params={"gain": ("float32", "o")}, attrs={"eps": float},
            evaluate=lambda op, x, y, arrays: float32.rms_norm(arrays[0], **float_params(op), **arithmetic_attrs(op)),
        ),
    ),
    "layer_norm": OpSpec(
        arity=1, shape=same_shape, time="pointwise", in_place=True, integer=_INTEGER,
        float32=Form(
            params={"gain": ("float32", "o"), "bias": ("float32", "o")}, attrs={"eps": float},
            evaluate=lambda op, x, y, arrays: float32.layer_norm(arrays[0], **float_params(op), **arithmetic_attrs(op)),
        ),
    ),
}  # fmt: skip
