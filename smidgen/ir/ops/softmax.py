"""Softmax and log-softmax of rows; a second operand of softmax, truth values, tells which elements count."""

import math
from collections.abc import Mapping

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.op_spec import (
    COUNT,
    MULTIPLIER,
    RIGHT_SHIFT,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    broadcast,
    integer,
    prove_exponent,
    require_below,
    require_symmetric,
)
from smidgen.numerics import float32, softmax


def _shape(op: Op, x: Operands) -> Shape:
    shape = x[0].shape
    if not shape:
        raise GraphError(f"{op.name}: {op.kind} works along the last axis, {x[0].name} has none")
    if len(x) > 2:
        raise GraphError(f"{op.name}: softmax takes one operand, or two, got {len(x)}")
    if len(x) == 2:
        seen = x[1].shape
        first = next((axis for axis, size in enumerate(seen) if size > 1), len(seen))
        if not seen or seen[-1] != shape[-1] or shape[len(shape) - len(seen[first:]) :] != seen[first:]:
            raise GraphError(f"{op.name}: {seen} does not tell for every row of {shape}, or for the last axes of all")
    return shape


def seen_rows(x: Operands) -> int:
    """Return for how many rows in turn the second operand tells what counts, 1 without one."""
    return math.prod(x[1].shape[:-1]) if len(x) == 2 else 1


def _softmax(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    values, *seen = broadcast(y, arrays)
    shown = seen[0] if seen else None
    if y.is_float:
        return float32.softmax(values, seen=shown)
    return softmax.softmax(
        values, seen=shown, **arithmetic_attrs(op), zero_point=y.zero_point, x_dtype=x[0].dtype, dtype=y.dtype
    )  # fmt: skip


def runs_on_words(op: Op, x: Operands, y: Tensor) -> bool:
    """True if the kernel for rows of int8 to int8 takes this softmax."""
    all_count = len(x) == 1 and x[0].dtype == y.dtype == "int8"
    return all_count and softmax.fits_words(y.shape[-1], integer(op, "output_shift"))


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    if len(x) == 2:
        require_symmetric(op, x[1])
        if x[1].dtype != "int8":
            raise GraphError(f"{op.name}: {x[1].name} tells what counts and must be int8, it is {x[1].dtype}")
    prove_exponent(op, "exponent")
    require_below(op, "the sum of a row", x[0].shape[-1] << 31, 62)


def _log_softmax(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    if y.is_float:
        return float32.log_softmax(arrays[0])
    return softmax.log_softmax(arrays[0], **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype)


def _prove_log(op: Op, x: Operands, y: Tensor) -> None:
    width = x[0].shape[-1]
    prove_exponent(op, "exponent")
    require_below(op, "the sum of a row", width << 31, 62)
    largest = softmax.largest_log_sum(x[0].dtype, width, integer(op, "logit_multiplier"), integer(op, "log_multiplier"))
    require_below(op, "a logarithm", largest + (1 << integer(op, "shift") >> 1), 63)


_EXPONENT = {"exponent_multiplier": MULTIPLIER, "exponent_shift": range(31), "exponent_limit": COUNT}

SPECS: Mapping[str, OpSpec] = {
    "softmax": OpSpec(
        arity=None, shape=_shape, time="pointwise", in_place=True,
        scratch_bytes=lambda op, x, y: 0 if y.is_float else 4 * y.shape[-1],
        integer=Form(
            attrs={**_EXPONENT, "output_multiplier": range(2**30, 2**31), "output_shift": range(-30, 62)},
            prove=_prove, evaluate=_softmax,
        ),
        float32=Form(evaluate=_softmax),
    ),
    "log_softmax": OpSpec(
        arity=1, shape=_shape, time="pointwise", in_place=True,
        integer=Form(
            attrs={
                **_EXPONENT, "logit_multiplier": range(2**54), "log_multiplier": range(2**33), "shift": RIGHT_SHIFT,
            },
            prove=_prove_log, evaluate=_log_softmax,
        ),
        float32=Form(evaluate=_log_softmax),
    ),
}  # fmt: skip
