"""Bounds that the integer kernels rely on: no sum may leave the register that holds it, whoever wrote the graph.

Lowering chooses constants that keep them; a graph read from a file has to prove it. Only arithmetic on constants and
shapes is needed: an activation of int8 reaches 128 in magnitude, one of int16 32768 at most.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor
from smidgen.numerics.fixed_point import integer_range, prove_accumulator

Operands = tuple[Tensor, ...]

_WEIGHT_LIMIT = 127
_NUMERATOR_ONE = 2**15  # of attention's unnormalised weights


def check_bounds(op: Op, x: Operands) -> None:
    """Raise GraphError, naming the op, where a sum of an integer op with legal attributes could overflow."""
    if "weight" in op.params:
        _check_accumulator(op, x[0])
    if op.kind in _BOUNDS:
        _BOUNDS[op.kind](op, x, dict(op.attrs))


def _check_accumulator(op: Op, x: Tensor) -> None:
    weight = op.params["weight"].astype(np.int64)
    if np.abs(weight).max(initial=0) > _WEIGHT_LIMIT:
        raise GraphError(f"{op.name}: weights must lie in -127..127, found {weight.min()}")
    # The recurrent weights of a GRU meet its int16 state, all others the op's input.
    low, high = integer_range("int16" if op.kind == "gru" else x.dtype)
    rows = np.abs(weight).reshape(weight.shape[0], -1).sum(axis=1)
    prove_accumulator(rows * max(-low, high) + np.abs(op.params["bias"].astype(np.int64)), op.name)


def _add(op: Op, x: Operands, attrs: Mapping[str, Any]) -> None:
    narrow = all(tensor.dtype == "int8" for tensor in x)
    largest = 128 if narrow else 32768
    rounding = 2 ** (attrs["shift"] - 1)
    bound = largest * (abs(attrs["multiplier_a"]) + abs(attrs["multiplier_b"])) + abs(attrs["offset"]) + rounding
    _require_below(op, "its sum", bound, 31 if narrow else 63)


def _mean(op: Op, x: Operands, attrs: Mapping[str, Any]) -> None:
    _require_below(op, "its sum", x[0].shape[attrs["axis"]] * _span(x[0]), 31)


def _norm(op: Op, x: Operands, attrs: Mapping[str, Any]) -> None:
    width, span, bits = x[0].shape[-1], _span(x[0]), attrs["fraction_bits"]
    _require_below(op, "the sum of a row", width * span, 31)
    _require_below(op, "the power of a row", width * (span << bits) ** 2 + attrs["epsilon"], 62)
    exact_mean = 2.0**bits / width
    if attrs["mean_multiplier"] * 2.0 ** (attrs["mean_shift"] - 32) > exact_mean * (1 + 2.0**-10):
        raise GraphError(f"{op.name}: mean_multiplier says more than the mean of {width} features")


def _attention(op: Op, x: Operands, attrs: Mapping[str, Any]) -> None:
    q, k, v = (max(map(abs, integer_range(tensor.dtype))) for tensor in x)
    keys, _, width = x[1].shape
    _require_below(op, "a score", width * q * k >> attrs["score_prescale"], 30)
    _require_below(op, "the sum of a row's weights", keys * _NUMERATOR_ONE, 32)
    _require_below(op, "a sum of values", keys * _NUMERATOR_ONE * v >> attrs["value_shift"], 31)
    places = 45 + keys.bit_length() - attrs["output_shift"]
    if places > 62:
        raise GraphError(f"{op.name}: output_shift {attrs['output_shift']} asks for a shift by {places}, 62 is most")


def _scan(op: Op, x: Operands, attrs: Mapping[str, Any]) -> None:
    _require_below(op, "the sum over states", x[2].shape[1] * attrs["state_limit"] // 2, 30)


def _span(x: Tensor) -> int:
    """Return the largest distance between two values, or between a value and a zero point."""
    low, high = integer_range(x.dtype)
    return high - low


def _require_below(op: Op, what: str, bound: int, bits: int) -> None:
    if bound >= 2**bits:
        raise GraphError(f"{op.name}: {what} can reach {bound}, it must stay below 2**{bits}; lower the model again")


_BOUNDS: Mapping[str, Callable[[Op, Operands, Mapping[str, Any]], None]] = {
    "add": _add, "mean": _mean, "rms_norm": _norm, "layer_norm": _norm, "attention": _attention,
    "selective_scan": _scan,
}  # fmt: skip
