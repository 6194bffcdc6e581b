"""Every kind of operator, by family."""

from collections.abc import Mapping

from smidgen.ir.graph import Graph, Op, State
from smidgen.ir.ops import (
    attention,
    cached_attention,
    convolution,
    embedding,
    layout,
    linear_attention,
    loop,
    matmul,
    max_plus,
    normalization,
    pointwise,
    pooling,
    projections,
    recurrences,
    recurrent_layers,
    reductions,
    running,
    softmax,
    streaming,
)
from smidgen.ir.ops.op_spec import Array, Form, Operands, OpSpec

__all__ = ["OP_SPECS", "Array", "Form", "OpSpec", "Operands", "element_limit", "states_of"]

_SPECS: dict[str, OpSpec] = {
    **projections.SPECS,
    **matmul.SPECS,
    **max_plus.SPECS,
    **embedding.SPECS,
    **convolution.SPECS,
    **pooling.SPECS,
    **pointwise.SPECS,
    **normalization.SPECS,
    **softmax.SPECS,
    **attention.SPECS,
    **recurrences.SPECS,
    **recurrent_layers.SPECS,
    **layout.SPECS,
    **reductions.SPECS,
    **running.SPECS,
    **streaming.SPECS,
    **cached_attention.SPECS,
    **linear_attention.SPECS,
}
_SPECS["loop"] = loop.loop_spec(_SPECS)

OP_SPECS: Mapping[str, OpSpec] = _SPECS


def states_of(graph: Graph, op: Op) -> tuple[State, ...]:
    """Return what an op of the graph carries from one element along time to the next."""
    return OP_SPECS[op.kind].states(op, graph.operands(op), graph[op.output])


def element_limit(graph: Graph, op: Op) -> int | None:
    """Return how many elements along time an op of the graph may see from reset on, None for any number."""
    return OP_SPECS[op.kind].element_limit(op, graph.operands(op), graph[op.output])
