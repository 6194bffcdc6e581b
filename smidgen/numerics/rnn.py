"""Elman's recurrent layer (1990) with tanh or a rectifier, in integers. Twin of kernels/rnn.h."""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, rounded_shift, saturate
from smidgen.numerics.gates import tanh_gate
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import TANH_STEP, gate_sums, step_order


def sum_steps(width: int, hidden: QParams, *, relu: bool) -> NDArray[np.float64]:
    """Return the real value of one step of each sum of `width` units: a rectified sum is in the state's own steps."""
    return np.full(width, hidden.scale if relu else TANH_STEP)


def rnn(
    projected: Integers,
    weight: Integers,
    bias: Integers,
    *,
    input_multiplier: int,
    multiplier: Integers,
    shift: int,
    relu: bool,
    hidden_shift: int = 0,
    reverse: bool = False,
    carried: Integers | None = None,
) -> Integers:
    """Return the hidden states (b, t, h) for projected (b, t, h) and weight (h, h); after tanh, one step is
    2**(hidden_shift - 15).

    Goes on from the state `carried` (b, h) and leaves the last one there; without it, from zero. With `reverse` the
    last step comes first.
    """
    hidden = np.zeros((len(projected), projected.shape[2]), np.int64) if carried is None else carried
    y = np.empty(projected.shape, np.int64)
    for t in step_order(projected.shape[1], reverse=reverse):
        sums = gate_sums(
            projected[:, t], hidden, weight, bias,
            input_multiplier=input_multiplier, multiplier=multiplier, shift=shift,
        ).of(slice(None))  # fmt: skip
        hidden = saturate(np.maximum(sums, 0), "int16") if relu else rounded_shift(tanh_gate(sums), hidden_shift)
        hidden = saturate(hidden, "int16")
        y[:, t] = hidden
    if carried is not None:
        carried[...] = hidden
    return y
