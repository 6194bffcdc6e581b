"""Lowering of recurrences: the selective scan and the GRU."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import fx

from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.lowering.projections import add_linear
from smidgen.numerics.gru import HIDDEN, SIGMOID_TABLE, TANH_TABLE, gru_parameters
from smidgen.numerics.quantization import QParams, qparams_for_range
from smidgen.numerics.scan import scan_parameters

aten = torch.ops.aten

#: Sums in front of a gate saturate beyond this; sigmoid and tanh are flat there.
_GATE_PEAK = 16.0


def selective_scan(builder: Builder, node: fx.Node) -> None:
    """smidgen::selective_scan(u, delta, A, B, C, D)."""
    u, delta, A, B, C, D = node.args
    decay, skip = builder.weight(node, A, "A"), builder.weight(node, D, "D")
    x = [builder.operand(argument) for argument in (u, delta, B, C)]
    y = builder.output(node)
    if builder.is_float:
        builder.add_op(node, "selective_scan", x, y, {"A": decay.astype(np.float32), "D": skip.astype(np.float32)})
        return
    peak = builder.plan.state_peaks[node.name]
    qparams = builder.quantization(node, *x, y)
    parameters = builder.integers(
        node,
        lambda: scan_parameters(
            decay, skip, peak,
            u=qparams[0], delta=qparams[1], B=qparams[2], C=qparams[3], y=qparams[4],
        ),
    )  # fmt: skip
    params = {role: array for role, array in integer_arrays(parameters).items() if role != "state_exponent"}
    builder.add_op(node, "selective_scan", x, y, params, integer_attributes(parameters))


def gru(builder: Builder, node: fx.Node) -> None:
    """aten.gru.input(x, h0, weights, has_biases, layers, dropout, train, bidirectional, batch_first).

    Layer after layer, each one linear op for all steps, then the recurrence.
    """
    x_node, initial, weights, has_biases, n_layers, _, _, bidirectional, batch_first = node.args
    if bidirectional:
        raise builder.unsupported(node, "a bidirectional GRU looks ahead; use bidirectional=False")
    if not batch_first:
        raise builder.unsupported(node, "the batch must come first; build the GRU with batch_first=True")
    if not _is_zero(initial):
        raise builder.unsupported(node, "the initial state must be zero; call the GRU without one")
    assert isinstance(weights, Sequence)
    assert isinstance(n_layers, int)
    per_layer = 4 if has_biases else 2
    x = builder.operand(x_node)
    name = builder.op_name(node)
    for layer in range(n_layers):
        arrays = [builder.weight(node, w, "weight") for w in weights[layer * per_layer : (layer + 1) * per_layer]]
        w_input, w_hidden = arrays[:2]
        b_input, b_hidden = arrays[2:] if has_biases else (np.zeros(len(w_input)), np.zeros(len(w_input)))
        prefix = name if n_layers == 1 else f"{name}.{layer}"
        gates = builder.add_tensor(f"{node.name}_gates_{layer}", (x.shape[0], len(w_input)), _gate_qparams(builder))
        add_linear(builder, node, x, gates, w_input, b_input, name=f"{prefix}.input")
        hidden_qparams = None if builder.is_float else HIDDEN
        y = builder.add_tensor(f"{node.name}_{layer}", (x.shape[0], w_hidden.shape[1]), hidden_qparams)
        if builder.is_float:
            params = {"weight": w_hidden.astype(np.float32), "bias": b_hidden.astype(np.float32)}
            builder.add_op(node, "gru", [gates], y, params, name=prefix)
        else:
            _add_integer_gru(builder, node, prefix, (gates.name, y.name), w_hidden, b_hidden)
        x = y
    builder.values[node.name] = x.name


def _add_integer_gru(
    builder: Builder, node: fx.Node, name: str, tensors: tuple[str, str], weight: Floats, bias: Floats
) -> None:
    gates, y = (builder.tensors[tensor] for tensor in tensors)
    encoded = builder.plan.recipe.weight.encode(weight)
    (projected,) = builder.quantization(node, gates)
    parameters = builder.integers(
        node, lambda: gru_parameters(encoded.integers, encoded.scale, bias, projected, "recurrent accumulator")
    )
    params = {
        "weight": encoded.integers.astype(np.int8),
        **integer_arrays(parameters),
        "sigmoid": SIGMOID_TABLE.astype(np.int16),
        "tanh": TANH_TABLE.astype(np.int16),
    }
    builder.add_op(node, "gru", [gates], y, params, integer_attributes(parameters), name=name)


def _gate_qparams(builder: Builder) -> QParams | None:
    return None if builder.is_float else qparams_for_range(-_GATE_PEAK, _GATE_PEAK, "int16", symmetric=True)


def _is_zero(node: object) -> bool:
    return isinstance(node, fx.Node) and node.target in (aten.zeros.default, aten.zeros_like.default)


RULES: Mapping[object, Rule] = {
    torch.ops.smidgen.selective_scan.default: selective_scan,
    aten.gru.input: gru,
    # Tensors as large as the batch, such as an initial state: their readers check what they are.
    **dict.fromkeys((aten.zeros.default, aten.ones.default, aten.full.default), lambda builder, node: None),
}
