"""Gated recurrent unit (Cho et al. 2014), b_hn inside the reset product as in PyTorch. Twin of kernels/gru_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import sigmoid, tanh
from smidgen.numerics.float32.linear import linear
from smidgen.numerics.recurrent import step_order


@float32_only
def gru(
    projected: Floats, weight: Floats, bias: Floats, *, reverse: bool = False, carried: Floats | None = None
) -> Floats:
    """Return the hidden states (b, t, h).

    Args: projected (b, t, 3h), W_i x + b_i; weight (3h, h) and bias (3h,), the recurrent ones. Rows: reset, update,
    candidate.
    Goes on from the state `carried` (b, h) and leaves the last one there; without it, from zero. With `reverse` the
    last step comes first.
    """
    batch, steps, width = projected.shape[0], projected.shape[1], weight.shape[1]
    hidden = np.zeros((batch, width), np.float32) if carried is None else carried
    y = np.empty((batch, steps, width), np.float32)
    for t in step_order(steps, reverse=reverse):
        incoming, recurrent = projected[:, t], linear(hidden, weight, bias)
        gates = sigmoid(incoming[:, : 2 * width] + recurrent[:, : 2 * width])
        reset, update = gates[:, :width], gates[:, width:]
        candidate = tanh(incoming[:, 2 * width :] + reset * recurrent[:, 2 * width :])
        hidden = candidate + update * (hidden - candidate)
        y[:, t] = hidden
    if carried is not None:
        carried[...] = hidden
    return y
