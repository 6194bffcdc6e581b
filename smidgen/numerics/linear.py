"""Fully connected layers and one-dimensional convolutions in integers. Twin of kernels/linear.h and kernels/conv1d.h.

Both end in one accumulator per output channel, so they share their parameters: bias with the input's zero point folded
in, one multiplier per channel, one shift.
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


def conv1d_products(
    x: Integers, weight: Integers, *, pad: tuple[int, int], pad_value: int, stride: int, dilation: int, groups: int
) -> Integers:
    """Return the accumulators (B, T', o) of x (B, T, c) with weight (o, c / groups, k)."""
    out_channels, group_width, taps = weight.shape
    padded = np.pad(x, ((0, 0), pad, (0, 0)), constant_values=pad_value)
    steps = (padded.shape[1] - dilation * (taps - 1) - 1) // stride + 1
    acc = np.zeros((x.shape[0], steps, out_channels), np.int64)
    per_group = out_channels // groups
    for tap in range(taps):
        start = tap * dilation
        frames = padded[:, start : start + (steps - 1) * stride + 1 : stride]
        grouped = frames.reshape(*frames.shape[:2], groups, group_width)
        weights = weight[:, :, tap].reshape(groups, per_group, group_width)
        acc += np.einsum("btgc,goc->btgo", grouped, weights).reshape(acc.shape)
    return acc
