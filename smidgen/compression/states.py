"""How recurrent layers hold what they carry from step to step: their contract decides, not the recipe."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import fx

from smidgen.compression.calibration import Calibration
from smidgen.compression.program import FloatProgram
from smidgen.models.recurrent_layers import RECURRENT_LAYERS, gru, lstm, lstm_last_cell, rnn_relu
from smidgen.numerics.gru import sum_steps as gru_sum_steps
from smidgen.numerics.lstm import cell_qparams
from smidgen.numerics.lstm import sum_steps as lstm_sum_steps
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN, power_of_two_state
from smidgen.numerics.rnn import sum_steps as rnn_sum_steps

#: Position of the first hidden state among a layer's arguments.
_HIDDEN_POSITION = 3


def state_qparams(program: FloatProgram, node: fx.Node, calibration: Calibration) -> QParams | None:
    """Return the quantisation of a recurrent layer's result or last cell, None for any other node.

    A gated or tanh state lies in (-1, 1) and takes Q15, unless a state before the first step is larger.
    """
    if node.target is lstm_last_cell:
        states = node.args[0]
        assert isinstance(states, fx.Node)
        return cell_qparams(float(calibration.state_peaks[states.name][0]))
    if node.target not in RECURRENT_LAYERS:
        return None
    peak = _peak(program, node.args[_HIDDEN_POSITION], calibration)
    if node.target is rnn_relu:
        return calibration.observations[node.name].including(peak).qparams("int16", symmetric=True)
    return power_of_two_state(peak, HIDDEN.scale)


def gate_steps(node: fx.Node, width: int, hidden: QParams) -> NDArray[np.float64]:
    """Return the real value of one step of each gate sum of a recurrent layer of `width` units."""
    if node.target is gru:
        return gru_sum_steps(width)
    if node.target is lstm:
        return lstm_sum_steps(width)
    return rnn_sum_steps(width, hidden, relu=node.target is rnn_relu)


def hidden_shift(node: fx.Node, hidden: QParams) -> int:
    """Return by how many bits a recurrent layer's state is coarser than Q15."""
    return 0 if node.target is rnn_relu else round(math.log2(hidden.scale / HIDDEN.scale))


def _peak(program: FloatProgram, first: Any, calibration: Calibration) -> float:
    """Return the largest magnitude of a state before the first step."""
    if first is None:
        return 0.0
    if first.name in program.constants:
        return float(program.constants[first.name].abs().max())
    seen = calibration.observations[first.name]
    return max(-seen.low, seen.high)
