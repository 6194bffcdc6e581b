"""Products with stored weights: linear layers, and what convolutions share with them."""

from collections.abc import Mapping

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    ACCUMULATOR,
    Array,
    Form,
    Operands,
    OpSpec,
    Params,
    Shape,
    float_params,
    integer,
    wide_params,
)
from smidgen.numerics import float32, linear, nibble_blocks, nibbles, row_pairs, row_quads
from smidgen.numerics.fixed_point import Integers, integer_range, prove_accumulator

_WEIGHT_LIMIT = 127
_INT4_LIMIT = 7

CHANNELS = {"bias": ("int32", "o"), "multiplier": ("int32", "o")}


def prove_weight_accumulator(op: Op, weight: Integers, dtype: str) -> int:
    """Return a bound of the products of weights (o, ...) with values of `dtype`, plus bias; GraphError if not int32."""
    if np.abs(weight).max(initial=0) > _WEIGHT_LIMIT:
        raise GraphError(f"{op.name}: weights must lie in -127..127, found {weight.min()}")
    low, high = integer_range(dtype)
    rows = np.abs(weight).reshape(weight.shape[0], -1).sum(axis=1)
    return prove_accumulator(rows * max(-low, high) + np.abs(op.params["bias"].astype(np.int64)), op.name)


def prove_dot_products(op: Op, x: Operands, y: Tensor) -> None:
    """Raise GraphError unless the op's accumulators fit int32 whatever its operand holds."""
    prove_weight_accumulator(op, wide_params(op)["weight"], x[0].dtype)


def finish(op: Op, y: Tensor, acc: Array) -> Array:
    """Return accumulators (..., o) as values of y: bias, requantisation by channel, zero point."""
    p = wide_params(op)
    return linear.finish_accumulator(acc, p["bias"], p["multiplier"], integer(op, "shift"), y.zero_point, y.dtype)


def linear_weight(op: Op, x: Operands) -> Integers:
    """Return the integers (o, i) that a linear layer's stored form stands for."""
    p = op.params
    if "packed" not in p:
        return p["weight"].astype(np.int64)
    return nibbles.nibble_weights(p["packed"], x[0].shape[-1], p.get("levels", nibbles.INT4_LEVELS))


def _linear_params(op: Op) -> Params:
    """A weight is bytes, or codes of four bits: places of a palette where there is one, else integers of -7..7."""
    if "packed" not in op.params:
        return {"weight": ("int8", "oi"), **CHANNELS}
    palette = {"levels": ("int8", ".")} if "levels" in op.params else {}
    return {"packed": ("uint8", "o."), **palette, **CHANNELS}


def _prove_linear(op: Op, x: Operands, y: Tensor) -> None:
    """Codes are legal, levels sixteen, and accumulators fit int32 whatever the operand holds."""
    weight = linear_weight(op, x)
    if "packed" in op.params and "levels" not in op.params and weight.min(initial=0) < -_INT4_LIMIT:
        raise GraphError(f"{op.name}: weights of four bits must lie in -7..7, found {weight.min()}")
    prove_weight_accumulator(op, weight, x[0].dtype)


def _linear_shape(op: Op, x: Operands) -> Shape:
    if "packed" in op.params:
        out_width, n_bytes = op.params["packed"].shape
        if x[0].shape[-1:] == () or nibbles.packed_width(x[0].shape[-1]) != n_bytes:
            raise GraphError(f"{op.name}: {n_bytes} bytes a row hold no weights for input of shape {x[0].shape}")
        if "levels" in op.params and op.params["levels"].shape != (nibbles.LEVELS,):
            raise GraphError(f"{op.name}: a palette has {nibbles.LEVELS} levels, got {op.params['levels'].shape}")
        return (*x[0].shape[:-1], out_width)
    out_width, in_width = op.params["weight"].shape
    if x[0].shape[-1:] != (in_width,):
        raise GraphError(f"{op.name}: weight takes {in_width} features, input has shape {x[0].shape}")
    return (*x[0].shape[:-1], out_width)


def _linear(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    return finish(op, y, linear.dot_products(arrays[0], linear_weight(op, x)))


def row_count(tensor: Tensor) -> int:
    """Return how many rows of its last axis a tensor has."""
    return tensor.size // tensor.shape[-1]


def runs_on_row_pairs(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the linear layer's kernel reads weights of two rows at a time, from one stream with the other constants.

    False where a sum cannot be proved to fit, for small layers, and for other inputs than int8.
    """
    types_fit = "weight" in op.params and x[0].dtype == "int8" and y.dtype in ("int8", "int16")
    return types_fit and row_pairs.fits_row_pairs(op.params["weight"], row_count(y))


def runs_on_row_quads(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the linear layer's kernel reads weights of four rows at a time, for inputs of int16; False if small."""
    types_fit = "weight" in op.params and x[0].dtype == "int16" and y.dtype in ("int8", "int16")
    return types_fit and row_quads.fits_row_quads(op.params["weight"])


def runs_on_nibble_blocks(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the linear layer's kernel reads codes of four bits, of four rows at a time, from one stream.

    False where a sum cannot be proved to fit, and for small layers.
    """
    types_fit = "packed" in op.params and x[0].dtype in ("int8", "int16") and y.dtype in ("int8", "int16")
    return types_fit and nibble_blocks.fits_nibble_blocks(
        linear_weight(op, x), x[0].dtype, is_palette="levels" in op.params
    )


def _linear_scratch_bytes(op: Op, x: Operands, y: Tensor) -> int:
    if runs_on_nibble_blocks(op, x, y):
        is_palette = "levels" in op.params
        return nibble_blocks.scratch_bytes(x[0].shape[-1], row_count(y), x[0].dtype, is_palette=is_palette)
    if runs_on_row_quads(op, x, y):
        return row_quads.scratch_bytes(x[0].shape[-1])
    return row_pairs.scratch_bytes(x[0].shape[-1], row_count(y)) if runs_on_row_pairs(op, x, y) else 0


SPECS: Mapping[str, OpSpec] = {
    "linear": OpSpec(
        arity=1, shape=_linear_shape, time="pointwise", macs=lambda op, x, y: y.size * x[0].shape[-1],
        scratch_bytes=_linear_scratch_bytes, scratch_needs_dsp=True,
        integer=Form(
            params=_linear_params, attrs=ACCUMULATOR, prove=_prove_linear, evaluate=_linear,
        ),
        float32=Form(
            params={"weight": ("float32", "oi"), "bias": ("float32", "o")},
            evaluate=lambda op, x, y, arrays: float32.linear(arrays[0], **float_params(op)),
        ),
    ),
}  # fmt: skip
