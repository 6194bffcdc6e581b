"""Fully connected layers in integers. Twin of kernels/linear.h.

They end in one accumulator per output channel, as convolutions do, which share their parameters: bias with the input's
zero point folded in, one multiplier per channel, one shift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import (
    Integers,
    fixed_point,
    integer_range,
    prove_accumulator,
    requantize,
    saturate,
)
from smidgen.numerics.quantization import QParams


@dataclass(frozen=True, slots=True, kw_only=True)
class AccumulatorParameters:
    """What follows the dot products: y = sat(zero_point + requantize(acc + bias, multiplier, shift))."""

    bias: Integers  # (o,) int32
    multiplier: Integers  # (o,)
    shift: int
    accumulator_bound: int


def accumulator_parameters(
    weight: Integers,
    weight_scale: NDArray[np.float64],
    bias: NDArray[np.float64] | None,
    x: QParams,
    y: QParams,
    what: str,
) -> AccumulatorParameters:
    """Fold scales and zero points for weights (o, ...) with one scale per output channel (o,).

    Padding supplies the zero point, so the fold holds at the edges too. Raises GraphError if an accumulator may
    overflow.
    """
    rows = weight.reshape(weight.shape[0], -1)
    acc_scale = weight_scale * x.scale
    real_bias = np.zeros(rows.shape[0]) if bias is None else np.asarray(bias, np.float64)
    integer_bias = np.rint(real_bias / acc_scale).astype(np.int64) - x.zero_point * rows.sum(axis=1)
    low, high = integer_range(x.dtype)
    bound = np.abs(rows).sum(axis=1) * max(-low, high) + np.abs(integer_bias)
    multiplier, shift = fixed_point(acc_scale / y.scale, f"{what}: ratio of accumulator to output scale")
    return AccumulatorParameters(
        bias=integer_bias, multiplier=multiplier, shift=shift, accumulator_bound=prove_accumulator(bound, what)
    )


def finish_accumulator(
    acc: Integers, bias: Integers, multiplier: Integers, shift: int, zero_point: int, dtype: str
) -> Integers:
    """Turn accumulators (..., o) into outputs of `dtype`."""
    return saturate(requantize(acc + bias, multiplier, shift) + zero_point, dtype)


def dot_products(x: Integers, weight: Integers) -> Integers:
    """Return x (..., k) times weight (o, k) transposed; float64 BLAS is exact because every sum is below 2**53."""
    return np.rint(x.astype(np.float64) @ weight.T.astype(np.float64)).astype(np.int64)
