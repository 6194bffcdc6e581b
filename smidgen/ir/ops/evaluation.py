"""The reference's walk over a graph: each op evaluated in turn on a batch of values, states begun and carried on."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops.op_spec import Array, OpSpec

#: Returns the arrays in which an op finds and leaves its states, given the values that are known when it runs.
StatesOf = Callable[[Op, Mapping[str, Array]], list[Array]]


def evaluate_ops(
    specs: Mapping[str, OpSpec], graph: Graph, ops: Iterable[Op], values: dict[str, Array], states: StatesOf
) -> None:
    """Evaluate ops in order and add their results to `values`, which hold inputs and constants, (batch, *shape)."""
    for op in ops:
        x, y = graph.operands(op), graph[op.output]
        arrays = [values[name] for name in op.inputs]
        if specs[op.kind].is_float(x, y):
            form = specs[op.kind].float32
        else:
            form = specs[op.kind].integer
            arrays = [array.astype(np.int64) for array in arrays]
        assert form is not None, f"{op.name}: check_graph lets no {op.kind} of this arithmetic pass"
        results = form.evaluate(op, x, y, [*arrays, *states(op, values)])
        for name, result in zip(op.outputs, results if isinstance(results, tuple) else (results,), strict=False):
            values[name] = result.astype(graph[name].dtype)


def evaluate_window(specs: Mapping[str, OpSpec], graph: Graph, values: dict[str, Array]) -> None:
    """Evaluate all ops of a window graph, their states as at reset."""
    batch = len(values[graph.inputs[0]])
    evaluate_ops(
        specs, graph, graph.ops, values, lambda op, known: initial_states(specs, graph, op, batch=batch, values=known)
    )


def initial_states(
    specs: Mapping[str, OpSpec], graph: Graph, op: Op, *, batch: int, values: Mapping[str, Array]
) -> list[Array]:
    """Return the states of an op at reset, each (batch, *shape); integers as int64, in which the reference computes.

    Args: values, of the tensors that are known then: in a window all that stand before the op, in a step graph the
    constants.
    """
    states = []
    for state in specs[op.kind].states(op, graph.operands(op), graph[op.output]):
        array = np.full((batch, *state.shape), state.initial, np.float32 if state.dtype == "float32" else np.int64)
        if state.first is not None:
            array[...] = values[state.first]
        states.append(array)
    return states


def constant_values(graph: Graph, batch: int) -> dict[str, Array]:
    """Return the constants of a graph, repeated for every sample."""
    return {
        tensor.name: np.broadcast_to(tensor.data, (batch, *tensor.shape))
        for tensor in graph.tensors.values()
        if tensor.data is not None
    }
