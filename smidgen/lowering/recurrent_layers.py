"""Lowering of one layer of a GRU, LSTM or RNN in one direction; `rewriting` made them of torch's layers and cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import fx

from smidgen.compression.states import gate_steps, hidden_shift
from smidgen.compression.stored_weight import stored_weight
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.lowering.layout import rescaled
from smidgen.lowering.operands import reshaped
from smidgen.lowering.projections import stored_by
from smidgen.models.recurrent_layers import gru, lstm, lstm_last_cell, rnn_relu, rnn_tanh
from smidgen.numerics.lstm import cell_bits, cell_qparams
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import recurrent_parameters

Array = NDArray[Any]

_KINDS: Mapping[object, str] = {gru: "gru", lstm: "lstm", rnn_tanh: "rnn", rnn_relu: "rnn"}


def recurrent_layer(builder: Builder, node: fx.Node) -> None:
    """A function of `models.recurrent_layers`: projected, weight, bias, first states, reverse.

    Where a sample has several sequences (n, t, gates), as of sub-windows, the layer stands once for each of them.
    """
    projected, weight_node, bias_node, *first, reverse = node.args
    weight = builder.weight(node, weight_node, "recurrent weight")
    bias = np.zeros(len(weight)) if bias_node is None else builder.weight(node, bias_node, "recurrent bias")
    x, y = builder.operand(projected), builder.output(node)
    assert isinstance(reverse, bool)
    attrs: dict[str, Attribute] = {"reverse": reverse}
    if _KINDS[node.target] == "rnn":
        attrs["relu"] = node.target is rnn_relu
    states = [None if builder.is_float else y.qparams]
    if node.target is lstm:
        states.append(None if builder.is_float else cell_qparams(float(builder.plan.state_peaks[node.name][0])))
    inputs = [x, *_first_states(builder, node, first, states)]
    params: dict[str, Array] = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
    if not builder.is_float:
        params, scalars = _integers(builder, node, (x, y), weight, bias)
        attrs.update(scalars)
        if states[1:]:
            assert states[1] is not None
            attrs["cell_bits"] = cell_bits(states[1])
    more = _last_cell(builder, node, states)
    if len(x.shape) == 2:
        builder.add_op(node, _KINDS[node.target], inputs, y, params, attrs, more=more)
    else:
        _add_sequences(builder, node, inputs, [y, *more], params, attrs)


def _add_sequences(
    builder: Builder,
    node: fx.Node,
    inputs: Sequence[Tensor],
    results: Sequence[Tensor],
    params: Mapping[str, Array],
    attrs: Mapping[str, Attribute],
) -> None:
    """Append a layer for each sequence of a sample, and join what they give; equal weights are stored once."""
    name = builder.op_name(node)
    count = inputs[0].shape[0]
    columns: list[list[Tensor]] = [[] for _ in results]
    for index in range(count):
        taken = [_sequence(builder, node, tensor, index, f"{name}.{index}") for tensor in inputs]
        found = [
            builder.add_tensor(builder.unused(f"{whole.name}_{index}"), whole.shape[1:], whole.qparams)
            for whole in results
        ]
        builder.add_op(
            node, _KINDS[node.target], taken, found[0], params, attrs, name=f"{name}.{index}", more=found[1:]
        )
        for column, one in zip(columns, found, strict=True):
            column.append(reshaped(builder, node, one, (1, *one.shape)))
    for column, whole in zip(columns, results, strict=True):
        builder.add_op(node, "concat", column, whole, attrs={"axis": 0}, name=f"{name}.{whole.name}")


def _sequence(builder: Builder, node: fx.Node, tensor: Tensor, index: int, name: str) -> Tensor:
    """Return one of the sequences, or of their first states, in a tensor (n, ..)."""
    if tensor.data is not None:
        part = builder.unused(f"{tensor.name}_{index}")
        return builder.add_tensor(part, tensor.shape[1:], tensor.qparams, data=tensor.data[index])
    taken = builder.add_tensor(
        builder.unused(f"{tensor.name}_{index}"), (1, *tensor.shape[1:]), tensor.qparams, dtype=tensor.dtype
    )
    attrs: dict[str, Attribute] = {"axis": 0, "start": index, "stop": index + 1}
    builder.add_op(node, "slice", [tensor], taken, attrs=attrs, name=f"{name}.{tensor.name}")
    return reshaped(builder, node, taken, tensor.shape[1:])


def _integers(
    builder: Builder, node: fx.Node, tensors: Sequence[Tensor], weight: Floats, bias: Floats
) -> tuple[dict[str, Array], dict[str, Attribute]]:
    """Return the constant arrays and the scalars of an integer layer; `tensors` are its input and its result."""
    codec = stored_by(builder, node)
    projected, hidden = builder.quantization(node, *tensors)
    encoded = stored_weight(codec, weight, bias, hidden)
    steps = gate_steps(node, weight.shape[1], hidden)
    found = builder.integers(
        node,
        lambda: recurrent_parameters(
            encoded.integers, encoded.scale, bias,
            projected=projected, hidden=hidden, steps=steps, what="recurrent accumulator",
        ),
    )  # fmt: skip
    params = {**codec.params(encoded), **integer_arrays(found)}
    return params, {**integer_attributes(found), "hidden_shift": hidden_shift(node, hidden)}


def _first_states(
    builder: Builder, node: fx.Node, first: Sequence[Any], qparams: Sequence[QParams | None]
) -> list[Tensor]:
    """Return the tensors of the states before the first step, none where all are 0."""
    if all(state is None for state in first):
        return []
    tensors = []
    *sequences, _, width = builder.shape(node)
    shape = (*sequences, width)
    for index, (state, scale) in enumerate(zip(first, qparams, strict=True)):
        data = np.zeros(shape) if state is None else builder.constant(state)
        name = f"{node.name}_first_{index}"
        if data is None:
            x = builder.operand(state)
            tensors.append(rescaled(builder, node, x, scale, builder.op_name(node, f".first_{index}")))
        elif scale is None:
            tensors.append(builder.add_tensor(name, shape, None, data=data.reshape(shape).astype(np.float32)))
        else:
            integers = scale.quantize(data.reshape(shape)).astype(scale.dtype)
            tensors.append(builder.add_tensor(name, shape, scale, data=integers))
    return tensors


def _last_cell(builder: Builder, node: fx.Node, states: list[QParams | None]) -> tuple[Tensor, ...]:
    """Return the tensor of the last cell where something reads it."""
    readers = [user for user in node.users if user.target is lstm_last_cell]
    return tuple(builder.output(reader, qparams=states[1]) for reader in readers)


RULES: Mapping[object, Rule] = dict.fromkeys(_KINDS, recurrent_layer)
