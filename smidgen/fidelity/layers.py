"""Layer by layer: the float program, the program with fake quantisation, and the integer reference on one batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.compression import FloatProgram, Plan
from smidgen.compression.fake_quantization import record_fake_quantized
from smidgen.compression.inputs import Batch
from smidgen.compression.structure import label
from smidgen.fidelity.noise import sqnr_db
from smidgen.ir import Graph, Op, Tensor, interpret
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.ir.ops.recurrences import saturated_states

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFidelity:
    """How near one layer of the graph before folding is to the float model, over a batch.

    The three ratios part the loss: `own_db` is what rounding this one result costs, `fake_db` what all rounding up to
    here costs in exact arithmetic, `sqnr_db` what the integers give; where the last is lower than the second, integer
    arithmetic (tables, reciprocals, shifts) loses it.
    """

    name: str
    op: str
    label: str  # what a recipe's rule matches, "module.path:op"
    dtype: str
    sqnr_db: float  # integer reference against the float model
    source_db: float  # the same of its least exact operand; infinite for a layer of exact operands
    fake_db: float  # fake-quantised program against the float model
    own_db: float  # the float model's value rounded to this layer's integers, against itself
    saturated: int  # values of the float model beyond the ends of the layer's integers, and states of a scan held there
    values: int  # values and states looked at

    @property
    def loss_db(self) -> float:
        """What this layer loses against its operands; 0 where it loses nothing."""
        return max(0.0, min(self.source_db, self.own_db) - self.sqnr_db) if np.isfinite(self.sqnr_db) else 0.0


def measure_layers(
    program: FloatProgram, plan: Plan, lowered: Graph, integers: list[Array], batch: Batch
) -> tuple[LayerFidelity, ...]:
    """Return the fidelity of every layer that stands for a node of the float program, in order of execution.

    Args: lowered, the graph before folding, whose tensors are called as the float program's nodes; integers, the batch
    as the graph takes it.
    """
    floats = _floating(program.record(batch))
    fakes = _floating(record_fake_quantized(program, plan, batch))
    found = interpret(lowered, integers)
    labels = {node.name: label(node) for node in program.nodes}
    reached: dict[str, float] = {}  # by tensor; through what only moves elements, that of the source
    seen: set[str] = set()  # results that a layer stands for
    layers = []
    for op in lowered.ops:
        tensor = lowered[op.output]
        source_db = min((reached.get(name, float("inf")) for name in op.inputs), default=float("inf"))
        reached[op.output] = source_db
        if op.output not in floats or tensor.dtype == "int32" or floats[op.output].size != found[op.output].size:
            continue
        expected = floats[op.output].reshape(found[op.output].shape)
        reached[op.output] = sqnr_db(expected, _real(tensor, found))
        maker = _maker(lowered, op, seen)
        if maker is None:
            continue
        seen.add(maker.output)
        held, states = _held_states(lowered, maker, found)
        layers.append(
            LayerFidelity(
                name=maker.name,
                op=maker.kind,
                label=labels[op.output],
                dtype=tensor.dtype,
                sqnr_db=reached[op.output],
                source_db=source_db,
                fake_db=sqnr_db(floats[op.output], fakes[op.output]),
                own_db=_own_db(tensor, expected),
                saturated=_saturated(tensor, expected) + held,
                values=expected.size + states,
            )
        )
    return tuple(layers)


def _maker(graph: Graph, op: Op, seen: set[str]) -> Op | None:
    """Return the op that computed what `op` gives, looking through what only moves elements; None if it was told.

    Some results, such as those of a recurrent layer, are nodes of the float program only after they were moved.
    """
    maker: Op | None = op
    while maker is not None and OP_SPECS[maker.kind].moves:
        if maker.output in seen or len(maker.inputs) > 1:
            break
        maker = graph.producer(maker.inputs[0])
    return None if maker is None or maker.output in seen else maker


def _floating(values: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    return {name: value.numpy() for name, value in values.items() if value.is_floating_point()}


def _real(tensor: Tensor, values: Mapping[str, Array]) -> Array:
    value = values[tensor.name]
    return value if tensor.qparams is None else tensor.qparams.dequantize(value)


def _own_db(tensor: Tensor, expected: Array) -> float:
    if tensor.qparams is None:
        return float("inf")
    return sqnr_db(expected, tensor.qparams.dequantize(tensor.qparams.quantize(expected)))


def _saturated(tensor: Tensor, expected: Array) -> int:
    """Count values that lie more than a step beyond what the integers can say."""
    if tensor.qparams is None:
        return 0
    nearest = tensor.qparams.dequantize(tensor.qparams.quantize(expected))
    return int(np.count_nonzero(np.abs(nearest - expected) > tensor.qparams.scale))


def _held_states(graph: Graph, op: Op, values: Mapping[str, Array]) -> tuple[int, int]:
    """Return how many states a scan of integers held at an end of their range, and how many it passed through.

    A state counts once for each step, also where what drives it stood at an end; any other op has none.
    """
    y = graph[op.output]
    if op.kind != "selective_scan" or y.is_float:
        return 0, 0
    operands = [values[name] for name in op.inputs]
    n_states = sum(state.size for state in states_of(graph, op) if state.role == "state")
    return saturated_states(op, y, operands), len(operands[0]) * y.shape[0] * n_states
