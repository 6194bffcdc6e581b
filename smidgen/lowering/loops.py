"""Lowering of loops: the body is a graph of its own, made by the same rules."""

from collections.abc import Callable

import numpy as np
from torch import fx

from smidgen.compression.loop_node import LoopNode, is_size
from smidgen.ir.graph import Attribute, Graph, Tensor
from smidgen.lowering.builder import Builder
from smidgen.lowering.layout import rescaled
from smidgen.lowering.operands import reshaped
from smidgen.lowering.ports import with_own_outputs


def lower_loop(builder: Builder, node: fx.Node, lower_nodes: Callable[[Builder], None]) -> None:
    """Append the loop that a node calls; `lower_nodes` lowers what a builder's program computes."""
    found, name = LoopNode.of(node), builder.op_name(node)
    inner = Builder(builder.program.bodies[node.name], builder.plan, names=builder.names)
    ports = dict(zip(found.placeholders, found.arguments, strict=True))
    read = [port for port, given in ports.items() if not is_size(given) and port.name not in inner.program.constants]
    for port in read:
        is_state = port in found.state_placeholders
        source = None if is_state else builder.operand(ports[port])
        if is_state:
            inner.output(port)
        else:
            assert source is not None
            tensor = inner.add_tensor(port.name, inner.shape(port), source.qparams, source.dtype)
            inner.values[port.name] = tensor.name
    lower_nodes(inner)
    states = [inner.operand(port) for port in found.state_placeholders]
    following = [
        rescaled(inner, result, reshaped(inner, result, inner.operand(result), state.shape), state.qparams,
                 inner.op_name(result, ".state"))
        for result, state in zip(found.results, states, strict=False)
    ]  # fmt: skip
    emitted = [inner.operand(result) for result in found.results[len(states) :]]
    body = _body(inner, name, [port.name for port in read], [tensor.name for tensor in (*following, *emitted)])
    n_states = len(states)
    frames = [builder.operand(ports[port]) for port in read[: len(found.frames)]]
    whole = [builder.operand(ports[port]) for port in read[len(found.frames) + n_states :]]
    firsts = _first_states(builder, found, states)
    taken = [found.readers(position) for position in range(len(found.results))]
    lasts = tuple(position for position in range(n_states) if taken[position])
    steps = frames[0].shape[0]
    results = [
        *(_result(builder, taken[n_states + i], f"{node.name}_emitted_{i}", (steps, *body[port].shape), body[port])
          for i, port in enumerate(body.outputs[n_states:])),
        *(_result(builder, taken[i], f"{node.name}_last_{i}", states[i].shape, states[i]) for i in lasts),
    ]  # fmt: skip
    attrs: dict[str, Attribute] = {
        "frames": len(frames), "states": n_states, "firsts": tuple(firsts), "lasts": lasts, "reverse": found.reverse,
    }  # fmt: skip
    inputs = [*frames, *whole, *firsts.values()]
    builder.add_op(node, "loop", inputs, results[0], attrs=attrs, name=name, more=results[1:], body=body)
    builder.results[node.name] = [
        *(results[len(emitted) + lasts.index(i)].name if i in lasts else None for i in range(n_states)),
        *(tensor.name for tensor in results[: len(emitted)]),
    ]


def _body(inner: Builder, name: str, inputs: list[str], outputs: list[str]) -> Graph:
    tensors, ops, outputs = with_own_outputs(inner.tensors, inner.ops, inputs, outputs, scope=f"{name}.")
    return Graph(name=name, inputs=tuple(inputs), outputs=tuple(outputs), tensors=tensors, ops=tuple(ops))


def _result(builder: Builder, readers: list[fx.Node], name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Add a result of the loop, called as the node that takes it."""
    chosen = readers[0].name if readers else builder.unused(name)
    return builder.add_tensor(chosen, shape, like.qparams, like.dtype)


def _first_states(builder: Builder, found: LoopNode, states: list[Tensor]) -> dict[int, Tensor]:
    """Return the tensors of the states before the first step that are not 0, by index."""
    firsts = {}
    for index, (given, state) in enumerate(zip(found.states, states, strict=True)):
        data = builder.constant(given)
        if data is None:
            x = reshaped(builder, found.node, builder.operand(given), state.shape)
            name = builder.op_name(found.node, f".first_{index}")
            firsts[index] = rescaled(builder, found.node, x, state.qparams, name)
        elif data.any():
            values = np.broadcast_to(data, builder.full_shape(found.state_placeholders[index])).reshape(state.shape)
            stored = values if state.qparams is None else state.qparams.quantize(values)
            name = builder.unused(f"{found.node.name}_first_{index}")
            firsts[index] = builder.add_tensor(
                name, state.shape, state.qparams, data=np.ascontiguousarray(stored, state.dtype)
            )
    return firsts
