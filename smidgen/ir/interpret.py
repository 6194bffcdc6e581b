"""The bit-exact reference: runs a graph over a batch in numpy. Host C, emulated C and wasm must equal its bytes."""

from collections.abc import Sequence

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Graph
from smidgen.ir.ops import OP_SPECS, Array


def interpret(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Run the graph and return every tensor by name, each (B, *shape) in its own type.

    Args: inputs, one array (B, *shape) of the input's type for each graph input, same B.
    Raises GraphError for a wrong number, shape or type of inputs, or an illegal value.
    """
    values: dict[str, Array] = dict(zip(graph.inputs, _checked_inputs(graph, inputs), strict=True))
    batch = len(inputs[0])
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            values[tensor.name] = np.broadcast_to(tensor.data, (batch, *tensor.shape))
    for op in graph.ops:
        x, y = graph.operands(op), graph[op.output]
        arrays = [values[name] for name in op.inputs]
        if any(tensor.is_float for tensor in x):
            form = OP_SPECS[op.kind].float32
        else:
            form = OP_SPECS[op.kind].integer
            arrays = [array.astype(np.int64) for array in arrays]
        assert form is not None, f"{op.name}: check_graph lets no {op.kind} of this arithmetic pass"
        values[op.output] = form.evaluate(op, x, y, arrays).astype(y.dtype)
    return values


def _checked_inputs(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    if len(inputs) != len(graph.inputs):
        raise GraphError(f"graph {graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)}")
    for name, array in zip(graph.inputs, inputs, strict=True):
        tensor = graph[name]
        if array.shape[1:] != tensor.shape or array.dtype != tensor.dtype or len(array) != len(inputs[0]):
            raise GraphError(
                f"input {name} must be {tensor.dtype} (batch, {', '.join(map(str, tensor.shape))}), "
                f"got {array.dtype} {array.shape}; quantise it with the input's scale first"
            )
        if tensor.dtype == "int16" and array.min(initial=0) < -32767:
            raise GraphError(f"input {name} holds -32768; int16 activations lie in -32767..32767")
    return list(inputs)
