"""A loop over time: a graph of one step, the body, run for each frame, with states carried from step to step.

Operands are the tensors that the loop walks along, (t, ...) each; what every step reads whole; then the states before
the first step that are not 0. The body takes one frame of each, (...), the states, and the whole ones; it gives the
states for the next step, then what this step emits. Results are what all steps emitted, (t, ...), then last states.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.evaluation import constant_values, evaluate_window
from smidgen.ir.ops.op_spec import (
    COUNT,
    SIZE,
    Array,
    Evaluate,
    Form,
    Legal,
    Operands,
    OpSpec,
    Shape,
    integer,
    integers,
    require_one_scale,
)

_ATTRS: Mapping[str, Legal] = {"frames": SIZE, "states": COUNT, "firsts": tuple, "lasts": tuple, "reverse": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The inputs and outputs of a loop's body by their part in the loop."""

    frames: tuple[Tensor, ...]
    states: tuple[Tensor, ...]
    whole: tuple[Tensor, ...]
    following: tuple[Tensor, ...]  # the states for the next step
    emitted: tuple[Tensor, ...]

    @classmethod
    def of(cls, op: Op) -> "Ports":
        """Return the ports of a loop; raise GraphError where it has no body, or one with too few of them."""
        if op.body is None:
            raise GraphError(f"{op.name}: a loop needs a body")
        body, n_frames, n_states = op.body, integer(op, "frames"), integer(op, "states")
        inputs, outputs = ([body[name] for name in names] for names in (body.inputs, body.outputs))
        if len(inputs) < n_frames + n_states or len(outputs) < n_states:
            raise GraphError(
                f"{op.name}: its body has {len(inputs)} inputs and {len(outputs)} outputs, fewer than "
                f"{n_frames} frames and {n_states} states"
            )
        named = (*integers(op, "firsts"), *integers(op, "lasts"))
        if any(index >= n_states for index in named):
            raise GraphError(f"{op.name}: it carries {n_states} states, {max(named)} is none of them")
        return cls(
            frames=tuple(inputs[:n_frames]),
            states=tuple(inputs[n_frames : n_frames + n_states]),
            whole=tuple(inputs[n_frames + n_states :]),
            following=tuple(outputs[:n_states]),
            emitted=tuple(outputs[n_states:]),
        )


def check_ports(op: Op, x: Operands, results: Operands) -> None:
    """Raise GraphError unless operands, results and states of a loop have the types, scales and sizes of its ports."""
    ports = Ports.of(op)
    firsts, lasts = integers(op, "firsts"), integers(op, "lasts")
    if len(results) != len(ports.emitted) + len(lasts):
        raise GraphError(
            f"{op.name}: it has {len(results)} results, not the {len(ports.emitted) + len(lasts)} it makes"
        )
    if len(x) != len(ports.frames) + len(ports.whole) + len(firsts):
        raise GraphError(
            f"{op.name}: {len(x)} operands do not go with {len(ports.frames)} frames, {len(ports.whole)} whole tensors "
            f"and {len(firsts)} first states"
        )
    steps = len(ports.frames)
    for operand, port in zip(x[:steps], ports.frames, strict=True):
        count = operand.shape[0] if operand.shape else 0
        if count != _count(x) or operand.size != count * port.size:
            raise GraphError(f"{op.name}: {operand.name} {operand.shape} has not {_count(x)} frames of {port.shape}")
        require_one_scale(op, port, operand)
    held = [*ports.whole, *(ports.states[index] for index in firsts)]
    pairs = [*zip(x[steps:], held, strict=True), *zip(ports.following, ports.states, strict=True)]
    pairs += zip(results, [*ports.emitted, *(ports.states[index] for index in lasts)], strict=True)
    for tensor, port in pairs:
        require_one_scale(op, port, tensor)
    for tensor, port in pairs[: len(held) + len(ports.states)]:
        if tensor.shape != port.shape:
            raise GraphError(f"{op.name}: {tensor.name} {tensor.shape} stands for {port.name} {port.shape} of its body")


def _count(x: Operands) -> int:
    """Return the number of steps."""
    return x[0].shape[0] if x[0].shape else 0


def _results(op: Op, x: Operands) -> tuple[tuple[Shape, str], ...]:
    """Return shape and type of every result."""
    ports = Ports.of(op)
    stacked = [((_count(x), *port.shape), port.dtype) for port in ports.emitted]
    lasts = [ports.states[index] for index in integers(op, "lasts")]
    found = (*stacked, *((state.shape, state.dtype) for state in lasts))
    if not found:
        raise GraphError(f"{op.name}: a loop must emit something, or give a last state")
    return found


def _states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    ports, firsts = Ports.of(op), integers(op, "firsts")
    given = dict(zip(firsts, x[len(x) - len(firsts) :], strict=True))
    return tuple(
        State(
            role=state_role(index), shape=port.shape, dtype=port.dtype, initial=port.zero_point,
            first=given[index].name if index in given else None,
        )
        for index, port in enumerate(ports.states)
    )  # fmt: skip


def state_role(index: int) -> str:
    """Return what the state of this index is called among the states of a loop."""
    return f"state_{index}"


def _evaluate(specs: Mapping[str, OpSpec]) -> Evaluate:
    def evaluate(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> tuple[Array, ...]:
        ports, body = Ports.of(op), op.body
        assert body is not None
        steps, batch = range(_count(x)), len(arrays[0])
        looped, states = arrays[: len(ports.frames)], arrays[len(x) :]
        whole = arrays[len(ports.frames) : len(ports.frames) + len(ports.whole)]
        emitted = [
            np.empty((batch, len(steps), *port.shape), np.float32 if port.is_float else np.int64)
            for port in ports.emitted
        ]
        for t in reversed(steps) if op.attrs["reverse"] else steps:
            frames = [array[:, t].reshape(batch, *port.shape) for array, port in zip(looped, ports.frames, strict=True)]
            given = zip(body.inputs, [*frames, *states, *whole], strict=True)
            values = constant_values(body, batch) | {name: array.astype(body[name].dtype) for name, array in given}
            evaluate_window(specs, body, values)
            for state, port in zip(states, ports.following, strict=True):
                state[...] = values[port.name]
            for array, port in zip(emitted, ports.emitted, strict=True):
                array[:, t] = values[port.name]
        return (*emitted, *(states[index].copy() for index in integers(op, "lasts")))

    return evaluate


def _macs(specs: Mapping[str, OpSpec], op: Op, x: Operands) -> int:
    assert op.body is not None
    body = op.body
    return _count(x) * sum(specs[o.kind].macs(o, body.operands(o), body[o.output]) for o in body.ops)


def loop_spec(specs: Mapping[str, OpSpec]) -> OpSpec:
    """Return the spec of a loop whose body holds operators of `specs`, which may be filled later."""
    form = Form(attrs=_ATTRS, evaluate=_evaluate(specs))
    return OpSpec(
        arity=None, time="recurrence", shape=lambda op, x: _results(op, x)[0][0],
        more=lambda op, x, y: _results(op, x)[1:], states=_states, macs=lambda op, x, y: _macs(specs, op, x),
        integer=form, float32=form,
    )  # fmt: skip
