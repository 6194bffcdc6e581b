"""Gated recurrent unit (Cho et al. 2014, PyTorch's variant with b_hn inside the reset product) in integers.

Twin of kernels/gru.h. The hidden state is int16 in Q15 (it cannot leave (-1, 1)), gate sums are int16 in Q12, and the
two nonlinearities are interpolated tables. The input projection is an ordinary linear layer in front.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, fixed_point, prove_accumulator, requantize, rounded_shift, saturate
from smidgen.numerics.linear import dot_products
from smidgen.numerics.quantization import QParams
from smidgen.numerics.tables import table_entries, table_lookup

GATE = QParams(dtype="int16", scale=2.0**-12)
HIDDEN = QParams(dtype="int16", scale=2.0**-15)
#: The recurrent part of the candidate may reach +-16 before the reset gate scales it.
_CANDIDATE_LIMIT = 2**16 - 1

SIGMOID_TABLE = table_entries(lambda x: 1.0 / (1.0 + np.exp(-x)), GATE, HIDDEN)
TANH_TABLE = table_entries(np.tanh, GATE, HIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GruParameters:
    """Constants of one GRU layer; rows in PyTorch's order reset, update, candidate."""

    bias: Integers  # (3h,) int32
    input_multiplier: int  # projected input * 2**15 -> Q12
    multiplier: Integers  # (3h,): recurrent accumulator -> Q12
    shift: int
    accumulator_bound: int


def gru_parameters(
    weight: Integers, weight_scale: NDArray[np.float64], bias: NDArray[np.float64], projected: QParams, what: str
) -> GruParameters:
    """Fold the scales of recurrent weights (3h, h) and bias (3h,) for a projected int16 input."""
    acc_scale = weight_scale * HIDDEN.scale
    integer_bias = np.rint(bias / acc_scale).astype(np.int64)
    bound = np.abs(weight).sum(axis=1) * 32767 + np.abs(integer_bias)
    factors = np.concatenate([acc_scale, [projected.scale * 2.0**-15]]) / GATE.scale
    multipliers, shift = fixed_point(factors, f"{what}: gate scale")
    return GruParameters(
        bias=integer_bias,
        input_multiplier=int(multipliers[-1]),
        multiplier=multipliers[:-1],
        shift=shift,
        accumulator_bound=prove_accumulator(bound, what),
    )


def gru(
    projected: Integers,
    weight: Integers,
    bias: Integers,
    *,
    input_multiplier: int,
    multiplier: Integers,
    shift: int,
    sigmoid: Integers,
    tanh: Integers,
    carried: Integers | None = None,
) -> Integers:
    """Return the hidden states (b, t, h) in Q15 for projected inputs (b, t, 3h) and weight (3h, h).

    Goes on from the state `carried` (b, h) and leaves the last one there; without it, from zero.
    """
    batch, steps, width = projected.shape[0], projected.shape[1], weight.shape[1]
    hidden = np.zeros((batch, width), np.int64) if carried is None else carried
    out = np.empty((batch, steps, width), np.int64)
    for t in range(steps):
        acc = dot_products(hidden, weight) + bias
        incoming = (projected[:, t] << 15) * input_multiplier
        gates = saturate(
            rounded_shift(incoming[:, : 2 * width] + (acc * multiplier)[:, : 2 * width], 32 - shift), "int16"
        )
        reset = table_lookup(gates[:, :width], sigmoid, "int16")
        update = table_lookup(gates[:, width:], sigmoid, "int16")
        recurrent = requantize(acc[:, 2 * width :], multiplier[2 * width :], shift)
        recurrent = np.clip(recurrent, -_CANDIDATE_LIMIT, _CANDIDATE_LIMIT)
        candidate = rounded_shift(incoming[:, 2 * width :], 32 - shift) + rounded_shift(reset * recurrent, 15)
        candidate = table_lookup(saturate(candidate, "int16"), tanh, "int16")
        hidden = saturate(rounded_shift(update * hidden + (32768 - update) * candidate, 15), "int16")
        out[:, t] = hidden
    if carried is not None:
        carried[...] = hidden
    return out
