"""Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) in integers.

Twin of kernels/lstm.h. Rows of weights and gate sums in PyTorch's order: input, forget, cell, output. The cell is int16
with a power-of-two scale, one step being 2**-cell_bits; both its products meet before the one shift.
"""

import math

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, rounded_shift, saturate
from smidgen.numerics.gates import GATE_BITS, SUM_LIMIT, TANH_BITS, sigmoid_gate, tanh_gate
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import SIGMOID_STEP, TANH_STEP, gate_sums, power_of_two_state, step_order

_HEADROOM = 2.0  # a cell may grow to twice its calibrated peak before it saturates


def cell_qparams(peak: float) -> QParams:
    """Return the quantisation of a cell that calibration saw as large as `peak`."""
    return power_of_two_state(_HEADROOM * peak, 2.0**-GATE_BITS)


def cell_bits(cell: QParams) -> int:
    """Return the fraction bits of a cell."""
    return round(-math.log2(cell.scale))


def sum_steps(width: int) -> NDArray[np.float64]:
    """Return the real value of one step of each gate sum of `width` units, as `recurrent_parameters` takes it."""
    return np.repeat([SIGMOID_STEP, SIGMOID_STEP, TANH_STEP, SIGMOID_STEP], width)


def lstm(
    projected: Integers,
    weight: Integers,
    bias: Integers,
    *,
    input_multiplier: int,
    multiplier: Integers,
    shift: int,
    cell_bits: int,
    hidden_shift: int = 0,
    reverse: bool = False,
    carried: tuple[Integers, Integers] | None = None,
) -> tuple[Integers, Integers]:
    """Return the hidden states (b, t, h) for projected (b, t, 4h) and weight (4h, h), one step being 2**(k - 15), k
    the hidden_shift, and the last cell (b, h).

    Goes on from the hidden state and cell `carried` (b, h) and leaves the last ones there; without them, from zero.
    With `reverse` the last step comes first.
    """
    batch, steps, width = projected.shape[0], projected.shape[1], weight.shape[1]
    hidden, cell = carried or (np.zeros((batch, width), np.int64), np.zeros((batch, width), np.int64))
    y = np.empty((batch, steps, width), np.int64)
    for t in step_order(steps, reverse=reverse):
        sums = gate_sums(
            projected[:, t], hidden, weight, bias,
            input_multiplier=input_multiplier, multiplier=multiplier, shift=shift,
        )  # fmt: skip
        take, keep, give = (
            sigmoid_gate(sums.of(slice(gate * width, (gate + 1) * width))) for gate in (0, 1, 3)
        )  # fmt: skip
        candidate = tanh_gate(sums.of(slice(2 * width, 3 * width), input_bits=16))
        fresh = rounded_shift(take * candidate, GATE_BITS - cell_bits)
        cell = saturate(rounded_shift(keep * cell + fresh, GATE_BITS), "int16")
        shown = np.clip(cell, -(SUM_LIMIT >> (TANH_BITS - cell_bits)), SUM_LIMIT >> (TANH_BITS - cell_bits))
        hidden = rounded_shift(give * tanh_gate(shown << (TANH_BITS - cell_bits)), GATE_BITS + hidden_shift)
        hidden = saturate(hidden, "int16")
        y[:, t] = hidden
    if carried is not None:
        carried[0][...], carried[1][...] = hidden, cell
    return y, cell
