"""Long short-term memory (Hochreiter & Schmidhuber 1997). Twin of kernels/lstm_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import sigmoid, tanh
from smidgen.numerics.float32.linear import linear
from smidgen.numerics.recurrent import step_order


@float32_only
def lstm(
    projected: Floats,
    weight: Floats,
    bias: Floats,
    *,
    reverse: bool = False,
    carried: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Return the hidden states (b, t, h) and the last cell (b, h).

    Args: projected (b, t, 4h), W_i x + b_i; weight (4h, h) and bias (4h,), the recurrent ones. Rows: input, forget,
    cell, output.
    Goes on from the hidden state and cell `carried` (b, h) and leaves the last ones there; without them, from zero.
    With `reverse` the last step comes first.
    """
    batch, steps, width = projected.shape[0], projected.shape[1], weight.shape[1]
    hidden, cell = carried or (np.zeros((batch, width), np.float32), np.zeros((batch, width), np.float32))
    y = np.empty((batch, steps, width), np.float32)
    for t in step_order(steps, reverse=reverse):
        sums = projected[:, t] + linear(hidden, weight, bias)
        take, keep = sigmoid(sums[:, :width]), sigmoid(sums[:, width : 2 * width])
        candidate, give = tanh(sums[:, 2 * width : 3 * width]), sigmoid(sums[:, 3 * width :])
        cell = keep * cell + take * candidate
        hidden = give * tanh(cell)
        y[:, t] = hidden
    if carried is not None:
        carried[0][...], carried[1][...] = hidden, cell
    return y, cell
