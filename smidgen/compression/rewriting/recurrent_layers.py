"""torch's recurrent layers and cells as single layers in one direction, each behind a linear layer for its input.

nn.GRU, nn.LSTM and nn.RNN come from export as one node for all layers and both directions, their cells as one node a
step. Taken apart, their linear layers are like any other, each range is observed, and what moves the batch is a
transpose like any other.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import arguments, unsupported
from smidgen.models import recurrent_layers

aten = torch.ops.aten

#: Layers and cells of torch, and what computes one layer in one direction.
LAYERS: Mapping[object, Callable[..., Tensor]] = {
    aten.gru.input: recurrent_layers.gru,
    aten.lstm.input: recurrent_layers.lstm,
    aten.rnn_tanh.input: recurrent_layers.rnn_tanh,
    aten.rnn_relu.input: recurrent_layers.rnn_relu,
}
CELLS: Mapping[object, Callable[..., Tensor]] = {
    aten.gru_cell.default: recurrent_layers.gru,
    aten.lstm_cell.default: recurrent_layers.lstm,
    aten.rnn_tanh_cell.default: recurrent_layers.rnn_tanh,
    aten.rnn_relu_cell.default: recurrent_layers.rnn_relu,
}
_ZEROS = (aten.zeros.default, aten.zeros_like.default, aten.new_zeros.default)


def part_recurrent_layers(graph: fx.Graph) -> bool:
    """Replace every recurrent layer and cell of the graph; return whether there was one.

    Raises UnsupportedError, with the user's line, for projections of an LSTM's state.
    """
    layers = [node for node in graph.nodes if node.target in LAYERS or node.target in CELLS]
    for node in layers:
        if node.target in LAYERS:
            _part_layers(node)
        else:
            _part_cell(node)
    return bool(layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Results:
    """What one layer in one direction gives: hidden states (b, t, h), and the states (b, h) after its last step."""

    states: fx.Node
    hidden: fx.Node
    cell: fx.Node | None


def _part_layers(node: fx.Node) -> None:
    given, is_lstm = arguments(node), node.target is aten.lstm.input
    if given["dropout"] and given["train"]:
        raise unsupported(node, "it drops values at random; export the model in evaluation mode")
    insertion = Insertion(node)
    directions = 2 if given["bidirectional"] else 1
    initial = given["hx"] if is_lstm else [given["hx"]]
    weights = list(given["params"])
    count = len(weights) // (given["num_layers"] * directions)
    if count not in (2, 4) or bool(given["has_biases"]) != (count == 4):
        raise unsupported(node, "its state is projected to a smaller one; use proj_size=0 and a linear layer behind it")
    x = given["input"] if given["batch_first"] else insertion.call(aten.transpose.int, given["input"], 0, 1)
    results: list[_Results] = []
    for layer in range(given["num_layers"]):
        both = []
        for direction in range(directions):
            index = layer * directions + direction
            first = [_initial(insertion, state, index) for state in initial]
            part = weights[index * count : (index + 1) * count]
            both.append(_layer(insertion, LAYERS[node.target], x, part, first, reverse=direction == 1))
        results += both
        states = [result.states for result in both]
        x = states[0] if directions == 1 else insertion.call(aten.cat.default, states, 2)
    y = x if given["batch_first"] else insertion.call(aten.transpose.int, x, 0, 1)
    _replace_result(node, 0, lambda: y)
    _replace_last_states(insertion, node, 1, [result.hidden for result in results])
    _replace_last_states(insertion, node, 2, [result.cell for result in results if result.cell is not None])


def _part_cell(node: fx.Node) -> None:
    given, insertion = arguments(node), Insertion(node)
    states = given["hx"] if node.target is aten.lstm_cell.default else [given["hx"]]
    weights = [given[key] for key in ("w_ih", "w_hh", "b_ih", "b_hh") if given[key] is not None]
    x = insertion.call(aten.unsqueeze.default, given["input"], 1)
    first = [None if _is_zero(state) else state for state in states]
    result = _layer(insertion, CELLS[node.target], x, weights, first, reverse=False)
    if node.target is aten.lstm_cell.default:
        _replace_result(node, 0, lambda: result.hidden)
        _replace_result(node, 1, lambda: result.cell)
    else:
        node.replace_all_uses_with(result.hidden)


def _layer(
    insertion: Insertion,
    function: Callable[..., Tensor],
    x: fx.Node,
    weights: Sequence[fx.Node],
    first: Sequence[fx.Node | None],
    *,
    reverse: bool,
) -> _Results:
    """Add one layer over x (b, t, f) for weights input, recurrent[, input bias, recurrent bias]."""
    w_input, w_hidden, *biases = weights
    b_input, b_hidden = biases or (None, None)
    projected = insertion.call(aten.linear.default, x, w_input, b_input)
    shape = projected.meta["val"]
    width = w_hidden.meta["val"].shape[1]
    args = (projected, w_hidden, b_hidden, *first, reverse)
    states = insertion.call_like(function, *args, value=shape.new_empty(*shape.shape[:2], width))
    hidden = insertion.call(aten.select.int, states, 1, 0 if reverse else -1)
    cell = None
    if function is recurrent_layers.lstm:
        value = shape.new_empty(shape.shape[0], width)
        cell = insertion.call_like(recurrent_layers.lstm_last_cell, states, *args, value=value)
    return _Results(states=states, hidden=hidden, cell=cell)


def _initial(insertion: Insertion, states: fx.Node, index: int) -> fx.Node | None:
    """Return the first state (b, h) of one layer and direction of states (layers, b, h), None for 0."""
    return None if _is_zero(states) else insertion.call(aten.select.int, states, 0, index)


def _is_zero(node: fx.Node) -> bool:
    return node.target in _ZEROS


def _replace_result(node: fx.Node, index: int, make: Callable[[], Any]) -> None:
    for user in _readers(node, index):
        user.replace_all_uses_with(make())


def _readers(node: fx.Node, index: int) -> list[fx.Node]:
    return [user for user in node.users if user.target is operator.getitem and user.args[1] == index]


def _replace_last_states(insertion: Insertion, node: fx.Node, index: int, parts: list[fx.Node]) -> None:
    """Give readers of last states (layers * directions, b, h) the one that they select, or all of them joined."""
    for reader in _readers(node, index):
        for user in list(reader.users):
            if user.target is aten.select.int and arguments(user)["dim"] == 0:
                user.replace_all_uses_with(parts[arguments(user)["index"]])
            elif len(parts) == 1 and user.target in (aten.squeeze.dim, aten.squeeze.dims) and user.args[1] in (0, [0]):
                user.replace_all_uses_with(parts[0])
        if any(user.users or user.op == "output" for user in reader.users):
            layers = [insertion.call(aten.unsqueeze.default, part, 0) for part in parts]
            joined = layers[0] if len(layers) == 1 else insertion.call(aten.cat.default, layers, 0)
            reader.replace_all_uses_with(joined)
