"""One layer of a GRU, an LSTM or an RNN in one direction, from gate sums of the input: what torch's layers consist of.

Shapes: b batch, t time, h hidden; `projected` holds W x + b for every gate and step, (b, t, gates * h), with the gates
in torch's order. weight (gates * h, h) and bias (gates * h) or None are the recurrent ones. hidden, cell (b, h) are the
states before the first step, 0 where None; with `reverse` the last step comes first.
Each is torch's own layer with the identity for its input weights, so that values and gradients are torch's.
"""

import torch
from torch import Tensor


def gru(projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, reverse: bool) -> Tensor:
    """Return the hidden states (b, t, h) of gated recurrent units (Cho et al. 2014, torch.nn.GRU)."""
    x, weights, first = _operands(projected, weight, bias, hidden, reverse)
    y, _ = torch.gru(x, first, weights, True, 1, 0.0, False, False, True)
    return _in_time_order(y, reverse)


def lstm(
    projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, cell: Tensor | None, reverse: bool
) -> Tensor:
    """Return the hidden states (b, t, h) of long short-term memory (Hochreiter & Schmidhuber 1997, torch.nn.LSTM)."""
    return _in_time_order(_lstm(projected, weight, bias, hidden, cell, reverse)[0], reverse)


def lstm_last_cell(
    states: Tensor,
    projected: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    hidden: Tensor | None,
    cell: Tensor | None,
    reverse: bool,
) -> Tensor:
    """Return the cell (b, h) after the last step, for `states`, what `lstm` gives for the other arguments."""
    return _lstm(projected, weight, bias, hidden, cell, reverse)[1]


def lstm_cell_peak(
    projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, cell: Tensor | None, reverse: bool
) -> float:
    """Return the largest |cell| over all steps: what an integer cell has to hold."""
    peak = 0.0 if cell is None else float(cell.abs().max())
    steps = range(projected.shape[1])
    for t in reversed(steps) if reverse else steps:
        y, cell = _lstm(projected[:, t : t + 1], weight, bias, hidden, cell, False)
        hidden, peak = y[:, 0], max(peak, float(cell.abs().max()))
    return peak


def rnn_tanh(projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, reverse: bool) -> Tensor:
    """Return the hidden states (b, t, h) of Elman's recurrence (1990) with tanh."""
    x, weights, first = _operands(projected, weight, bias, hidden, reverse)
    y, _ = torch.rnn_tanh(x, first, weights, True, 1, 0.0, False, False, True)
    return _in_time_order(y, reverse)


def rnn_relu(projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, reverse: bool) -> Tensor:
    """Return the hidden states (b, t, h) of Elman's recurrence with a rectifier."""
    x, weights, first = _operands(projected, weight, bias, hidden, reverse)
    y, _ = torch.rnn_relu(x, first, weights, True, 1, 0.0, False, False, True)
    return _in_time_order(y, reverse)


#: The layers by their function; `lstm_last_cell` belongs to `lstm`.
RECURRENT_LAYERS = (gru, lstm, rnn_tanh, rnn_relu)


def _lstm(
    projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, cell: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor]:
    x, weights, first = _operands(projected, weight, bias, hidden, reverse)
    first_cell = torch.zeros_like(first) if cell is None else cell.unsqueeze(0)
    y, _, last_cell = torch.lstm(x, [first, first_cell], weights, True, 1, 0.0, False, False, True)
    return y, last_cell[0]


def _operands(
    projected: Tensor, weight: Tensor, bias: Tensor | None, hidden: Tensor | None, reverse: bool
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Return the input in the order of steps, weights as torch's layers take them, and the state with a layer axis."""
    rows, width = weight.shape
    identity, zeros = torch.eye(rows, dtype=weight.dtype), weight.new_zeros(rows)
    x = projected.flip(1) if reverse else projected
    first = projected.new_zeros(1, projected.shape[0], width) if hidden is None else hidden.unsqueeze(0)
    return x, [identity, weight, zeros, zeros if bias is None else bias], first


def _in_time_order(y: Tensor, reverse: bool) -> Tensor:
    return y.flip(1) if reverse else y
