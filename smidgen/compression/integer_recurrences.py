"""Recurrences as the firmware runs them, within the fake-quantised program: integer states, in steps of real numbers.

An error in a state comes back at every later step, so a recurrence is not simulated by rounding its result: its integer
twin itself runs on the operands' integers. Its gradient is that of the float recurrence (`fake_quantization`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from smidgen.compression.plan import Plan, scan_state_dtype
from smidgen.compression.states import gate_steps, hidden_shift
from smidgen.compression.stored_weight import stored_weight
from smidgen.compression.structure import label
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.models.recurrent_layers import gru, lstm, lstm_last_cell, rnn_relu, rnn_tanh
from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.gru import gru as integer_gru
from smidgen.numerics.lstm import cell_bits, cell_qparams
from smidgen.numerics.lstm import lstm as integer_lstm
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import recurrent_parameters
from smidgen.numerics.rnn import rnn as integer_rnn
from smidgen.numerics.scan import scan_parameters
from smidgen.numerics.scan import selective_scan as integer_scan

Floats = NDArray[np.float64]
Values = Sequence[Any]  # of a node's arguments

#: Of the scans' arguments, those that are activations: u, delta, B and C.
_SCANNED = (0, 1, 3, 4)


def integer_recurrence(node: fx.Node, values: Values, plan: Plan) -> Tensor | None:
    """Return the real numbers of what the firmware computes for a recurrence, None for any other node.

    None too where an operand is a constant or the plan is a float one: it then has no integers of its own. Args:
    values, of the node's arguments, activations on the steps of their quantisation, weights as they are trained.
    """
    run = _RUNS.get(node.target)
    if run is None or plan.recipe.is_float:
        return None
    found = run(node, values, plan)
    return None if found is None else torch.from_numpy(found).to(values[0].dtype)


def _selective_scan(node: fx.Node, values: Values, plan: Plan) -> Floats | None:
    """smidgen::selective_scan(u, delta, A, B, C, D, reverse)."""
    return _scan(node, values, plan, rates=_floats(values[2]), skip=_floats(values[5]), groups=1)


def _ssd_scan(node: fx.Node, values: Values, plan: Plan) -> Floats | None:
    """smidgen::ssd_scan(x, dt, A, B, C, D, reverse): heads and groups lie side by side in the integers."""
    x, _, A, B, _, D = values[:6]
    rates = np.repeat(_floats(A)[:, None], B.shape[3], axis=1)
    skip = np.repeat(_floats(D), x.shape[3])
    return _scan(node, values, plan, rates=rates, skip=skip, groups=B.shape[2])


def _scan(node: fx.Node, values: Values, plan: Plan, *, rates: Floats, skip: Floats, groups: int) -> Floats | None:
    operands = [_qparams(node, position, plan) for position in _SCANNED]
    if None in operands:
        return None
    u, delta, B, C = (qparams for qparams in operands if qparams is not None)
    y = plan.qparams[node.name]
    state = scan_state_dtype(node, plan.recipe)
    peak = plan.state_peaks[node.name]
    parameters = scan_parameters(rates, skip, peak, u=u, delta=delta, B=B, C=C, y=y, state=state)
    constants: dict[str, Any] = {**integer_arrays(parameters, "int64"), **integer_attributes(parameters)}
    constants["chain"] = parameters.chain
    integers = [
        _integers(values[position].flatten(2), qparams)
        for position, qparams in zip(_SCANNED, (u, delta, B, C), strict=True)
    ]
    reverse = len(values) > 6 and values[6]
    found = integer_scan(*integers, **constants, groups=groups, reverse=reverse, zero_point=y.zero_point, dtype=y.dtype)
    return y.dequantize(found).reshape(values[0].shape)


def _gated(node: fx.Node, values: Values, plan: Plan) -> Floats | None:
    """A function of `models.recurrent_layers`: projected, weight, bias, first states, reverse."""
    found = _layer(node, values, plan)
    return None if found is None else found[0]


def _last_cell(node: fx.Node, values: Values, plan: Plan) -> Floats | None:
    """`lstm_last_cell`: the states that `lstm` gave, then its arguments."""
    states, *_ = node.args
    assert isinstance(states, fx.Node)
    found = _layer(states, values[1:], plan)
    return None if found is None else found[1]


def _layer(node: fx.Node, values: Values, plan: Plan) -> tuple[Floats, Floats | None] | None:
    """Return the hidden states of a layer, and the last cell of an LSTM."""
    projected, weight, bias, *first, reverse = values
    x, hidden = _qparams(node, 0, plan), plan.qparams[node.name]
    if x is None:
        return None
    added = np.zeros(len(weight)) if bias is None else _floats(bias)
    encoded = stored_weight(plan.recipe.weight_for(label(node)), _floats(weight), added, hidden)
    parameters = recurrent_parameters(
        encoded.integers, encoded.scale, added,
        projected=x, hidden=hidden, steps=gate_steps(node, weight.shape[1], hidden), what="recurrent accumulator",
    )  # fmt: skip
    constants: dict[str, Any] = {**integer_arrays(parameters, "int64"), **integer_attributes(parameters)}
    constants.pop("accumulator_bound")
    constants |= {"hidden_shift": hidden_shift(node, hidden), "reverse": reverse}
    operands = _integers(projected, x), encoded.integers
    if node.target is lstm:
        cell = cell_qparams(float(plan.state_peaks[node.name][0]))
        states = _first_states(first, (hidden, cell), len(projected), weight.shape[1])
        found, last = integer_lstm(*operands, **constants, cell_bits=cell_bits(cell), carried=states)
        return hidden.dequantize(found), cell.dequantize(last)
    carried = None if first[0] is None else _integers(first[0], hidden)
    if node.target is gru:
        return hidden.dequantize(integer_gru(*operands, **constants, carried=carried)), None
    found = integer_rnn(*operands, **constants, carried=carried, relu=node.target is rnn_relu)
    return hidden.dequantize(found), None


def _first_states(first: Values, qparams: tuple[QParams, QParams], batch: int, width: int) -> tuple[Integers, Integers]:
    """Return the integers of an LSTM's states before the first step, 0 where one is not given."""
    hidden, cell = (
        np.zeros((batch, width), np.int64) if state is None else _integers(state, each)
        for state, each in zip(first, qparams, strict=True)
    )
    return hidden, cell


def _qparams(node: fx.Node, position: int, plan: Plan) -> QParams | None:
    """Return how an operand is quantised, None for a constant."""
    operand = node.args[position]
    assert isinstance(operand, fx.Node)
    return plan.qparams.get(operand.name)


def _integers(value: Tensor, qparams: QParams) -> Integers:
    return qparams.quantize(_floats(value))


def _floats(value: Tensor) -> Floats:
    return np.asarray(value.detach().double().numpy())


_RUNS: Mapping[object, Callable[[fx.Node, Values, Plan], Floats | None]] = {
    torch.ops.smidgen.selective_scan.default: _selective_scan,
    torch.ops.smidgen.ssd_scan.default: _ssd_scan,
    **dict.fromkeys((gru, lstm, rnn_tanh, rnn_relu), _gated),
    lstm_last_cell: _last_cell,
}
