"""Gated recurrent unit (Cho et al. 2014, PyTorch's variant with b_hn inside the reset product) in integers.

Twin of kernels/gru.h. Rows of weights and gate sums in PyTorch's order: reset, update, candidate.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, rounded_shift, saturate
from smidgen.numerics.gates import GATE_BITS, GATE_ONE, sigmoid_gate, tanh_gate
from smidgen.numerics.recurrent import SIGMOID_STEP, TANH_STEP, gate_sums, step_order


def sum_steps(width: int) -> NDArray[np.float64]:
    """Return the real value of one step of each gate sum of `width` units, as `recurrent_parameters` takes it."""
    return np.repeat([SIGMOID_STEP, SIGMOID_STEP, TANH_STEP], width)


def gru(
    projected: Integers,
    weight: Integers,
    bias: Integers,
    *,
    input_multiplier: int,
    multiplier: Integers,
    shift: int,
    hidden_shift: int = 0,
    reverse: bool = False,
    carried: Integers | None = None,
) -> Integers:
    """Return the hidden states (b, t, h) for projected (b, t, 3h) and weight (3h, h), one step being 2**(k - 15), k
    the hidden_shift.

    Goes on from the state `carried` (b, h) and leaves the last one there; without it, from zero. With `reverse` the
    last step comes first.
    """
    batch, steps, width = projected.shape[0], projected.shape[1], weight.shape[1]
    hidden = np.zeros((batch, width), np.int64) if carried is None else carried
    y = np.empty((batch, steps, width), np.int64)
    for t in step_order(steps, reverse=reverse):
        sums = gate_sums(
            projected[:, t], hidden, weight, bias,
            input_multiplier=input_multiplier, multiplier=multiplier, shift=shift,
        )  # fmt: skip
        reset = sigmoid_gate(sums.of(slice(width)))
        update = sigmoid_gate(sums.of(slice(width, 2 * width)))
        rows = slice(2 * width, 3 * width)
        recurrent = rounded_shift(reset * sums.recurrent_of(rows), GATE_BITS)
        candidate = tanh_gate(sums.input_of(rows, input_bits=16) + recurrent)
        fresh = rounded_shift((GATE_ONE - update) * candidate, hidden_shift)
        hidden = saturate(rounded_shift(update * hidden + fresh, GATE_BITS), "int16")
        y[:, t] = hidden
    if carried is not None:
        carried[...] = hidden
    return y
