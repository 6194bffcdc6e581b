"""The constants of an op as the C stores them: those of the graph, or laid out in the order in which a kernel reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops.projections import row_count, runs_on_row_pairs
from smidgen.numerics.row_pairs import row_pair_stream


def stored_form(graph: Graph, op: Op) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an op by role."""
    if op.kind == "linear" and runs_on_row_pairs(op, graph.operands(op), graph[op.output]):
        weight, bias, multiplier = (op.params[role].astype(np.int64) for role in ("weight", "bias", "multiplier"))
        return {"stream": row_pair_stream(weight, bias, multiplier, row_count(graph[op.output]))}
    return op.params
