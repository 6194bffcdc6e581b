"""The bit-exact reference: runs a graph over a batch in numpy. Host C, emulated C and wasm must equal its bytes."""

from collections.abc import Sequence

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Graph
from smidgen.ir.ops import OP_SPECS, Array
from smidgen.ir.ops.evaluation import constant_values, evaluate_ops, evaluate_window, initial_states


def interpret(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Run the graph and return every tensor by name, each (B, *shape) in its own type.

    Args: inputs, one array (B, *shape) of the input's type for each graph input, same B.
    Raises GraphError for a wrong number, shape or type of inputs, or an illegal value.
    """
    values = _known(graph, _checked_inputs(graph, inputs))
    evaluate_window(OP_SPECS, graph, values)
    return values


class Stepper:
    """Runs a step graph frame by frame over a batch of recordings."""

    def __init__(self, graph: Graph, batch: int) -> None:
        self._graph = graph
        self._batch = batch
        self.reset()

    def reset(self) -> None:
        """Begin again, as before the first frame."""
        self._frame = 0
        constants = constant_values(self._graph, self._batch)
        self._states = {
            op.name: initial_states(OP_SPECS, self._graph, op, batch=self._batch, values=constants)
            for op in self._graph.ops
        }

    def step(self, frame: Sequence[Array]) -> dict[str, Array]:
        """Take one frame (batch, *shape) of each input and return, by name, every tensor that came with it.

        The outputs are among them when `graph.output_clock` ticks. Errors as for `interpret`, and GraphError beyond the
        graph's frame limit.
        """
        if self._frame == self._graph.frame_limit:
            raise GraphError(
                f"graph {self._graph.name} takes {self._frame} frames from reset at most; reset it to go on"
            )
        self._frame += 1
        due = [op for op in self._graph.ops if op.clock.ticks_at(self._frame - 1)]
        values = _known(self._graph, _checked_inputs(self._graph, frame))
        evaluate_ops(OP_SPECS, self._graph, due, values, lambda op, _: self._states[op.name])
        return values


def interpret_frames(graph: Graph, recordings: Sequence[Array]) -> dict[str, Array]:
    """Run a step graph from reset over recordings and return the outputs of all frames that gave one.

    Args: recordings, for each input (B, frames, *shape). Returns: by output, (B, answers, *shape).
    """
    stepper = Stepper(graph, len(recordings[0]))
    answers: dict[str, list[Array]] = {name: [] for name in graph.outputs}
    for frame in range(recordings[0].shape[1]):
        values = stepper.step([recording[:, frame] for recording in recordings])
        if graph.output_clock.ticks_at(frame):
            for name in graph.outputs:
                answers[name].append(values[name])
    return {
        name: np.stack(frames, axis=1)
        if frames
        else np.empty((len(recordings[0]), 0, *graph[name].shape), graph[name].dtype)
        for name, frames in answers.items()
    }


def _known(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Return what is known before the first op: constants and inputs."""
    return constant_values(graph, len(inputs[0])) | dict(zip(graph.inputs, inputs, strict=True))


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
