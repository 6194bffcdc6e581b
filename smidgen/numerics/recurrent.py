"""What GRU, LSTM and RNN share: an int16 hidden state, and the scales of their gate sums.

The input part of a gate sum, W x + b, is an ordinary linear layer for all steps in front; what stands here adds the
recurrent part, U h + b', from an int32 accumulator.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, fixed_point, prove_accumulator, requantize, rounded_shift
from smidgen.numerics.gates import SIGMOID_BITS, TANH_BITS
from smidgen.numerics.linear import dot_products
from smidgen.numerics.quantization import QParams

#: What a gated or tanh state is: it cannot leave (-1, 1).
HIDDEN = QParams(dtype="int16", scale=2.0**-15)
#: Real value of one step of a sum that sigmoid or tanh reads.
SIGMOID_STEP, TANH_STEP = 2.0**-SIGMOID_BITS, 2.0**-TANH_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentParameters:
    """Constants of the gate sums of one layer, g rows in all.

    sum = (projected * 2**15 * input_multiplier + accumulator * multiplier) * 2**(shift - 32), in steps of the row's
    sum; a row with steps half as large takes projected * 2**16.
    """

    bias: Integers  # (g,) int32
    input_multiplier: int
    multiplier: Integers  # (g,)
    shift: int
    accumulator_bound: int


def recurrent_parameters(
    weight: Integers,
    weight_scale: NDArray[np.float64],
    bias: NDArray[np.float64],
    *,
    projected: QParams,
    hidden: QParams,
    steps: NDArray[np.float64],
    what: str,
) -> RecurrentParameters:
    """Fold the scales of recurrent weights (g, h) and bias (g,) for gate sums in `steps` (g,), all equal or half that.

    Raises GraphError, naming `what`, if an accumulator may overflow.
    """
    acc_scale = weight_scale * hidden.scale
    integer_bias = np.rint(bias / acc_scale).astype(np.int64)
    bound = np.abs(weight).sum(axis=1) * 32767 + np.abs(integer_bias)
    factors = np.concatenate([acc_scale / steps, [projected.scale * 2.0**-15 / steps.max()]])
    multipliers, shift = fixed_point(factors, f"{what}: gate scale")
    return RecurrentParameters(
        bias=integer_bias,
        input_multiplier=int(multipliers[-1]),
        multiplier=multipliers[:-1],
        shift=shift,
        accumulator_bound=prove_accumulator(bound, what),
    )


def power_of_two_state(peak: float, least_scale: float) -> QParams:
    """Return int16 with a power-of-two scale that holds +-peak, `least_scale` or coarser."""
    if not math.isfinite(peak):
        raise GraphError(f"a state's peak must be finite, got {peak}")
    scale = least_scale
    while scale * 32767 < peak:
        scale *= 2.0
    return QParams(dtype="int16", scale=scale)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSums:
    """The gate sums of one step, gate by gate."""

    projected: Integers  # (b, g)
    accumulator: Integers  # (b, g)
    input_multiplier: int
    multiplier: Integers  # (g,)
    shift: int

    def of(self, rows: slice, *, input_bits: int = 15) -> Integers:
        """Return the sums of some rows in their steps; may leave int32, and is clipped by what reads it."""
        total = (self.projected[:, rows] << input_bits) * self.input_multiplier
        total = total + self.accumulator[:, rows] * self.multiplier[rows]
        return rounded_shift(total, 32 - self.shift)

    def input_of(self, rows: slice, *, input_bits: int = 15) -> Integers:
        """Return the input part of some rows alone."""
        return rounded_shift((self.projected[:, rows] << input_bits) * self.input_multiplier, 32 - self.shift)

    def recurrent_of(self, rows: slice) -> Integers:
        """Return the recurrent part of some rows alone."""
        return requantize(self.accumulator[:, rows], self.multiplier[rows], self.shift)


def gate_sums(
    projected: Integers,
    hidden: Integers,
    weight: Integers,
    bias: Integers,
    *,
    input_multiplier: int,
    multiplier: Integers,
    shift: int,
) -> GateSums:
    """Return the sums of one step for projected (b, g), hidden (b, h), weight (g, h), bias (g,)."""
    accumulator = dot_products(hidden, weight) + bias
    return GateSums(
        projected=projected,
        accumulator=accumulator,
        input_multiplier=input_multiplier,
        multiplier=multiplier,
        shift=shift,
    )


def step_order(steps: int, *, reverse: bool) -> range:
    """Return the steps in the order in which a recurrence runs."""
    return range(steps - 1, -1, -1) if reverse else range(steps)
