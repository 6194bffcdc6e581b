"""Elman's recurrent layer (1990) with tanh or a rectifier. Twin of kernels/rnn_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.elementwise import relu as rectify
from smidgen.numerics.float32.functions import tanh
from smidgen.numerics.float32.linear import linear
from smidgen.numerics.recurrent import step_order


@float32_only
def rnn(
    projected: Floats,
    weight: Floats,
    bias: Floats,
    *,
    relu: bool,
    reverse: bool = False,
    carried: Floats | None = None,
) -> Floats:
    """Return the hidden states (b, t, h).

    Args: projected (b, t, h), W_i x + b_i; weight (h, h) and bias (h,), the recurrent ones.
    Goes on from the state `carried` (b, h) and leaves the last one there; without it, from zero. With `reverse` the
    last step comes first.
    """
    hidden = np.zeros((len(projected), projected.shape[2]), np.float32) if carried is None else carried
    y = np.empty(projected.shape, np.float32)
    for t in step_order(projected.shape[1], reverse=reverse):
        sums = projected[:, t] + linear(hidden, weight, bias)
        hidden = rectify(sums) if relu else tanh(sums)
        y[:, t] = hidden
    if carried is not None:
        carried[...] = hidden
    return y
