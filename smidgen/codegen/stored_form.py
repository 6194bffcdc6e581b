"""The constants of an op as the C stores them: those of the graph, or laid out in the order in which a kernel reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops.normalization import runs_on_norm_stream
from smidgen.ir.ops.projections import row_count, runs_on_row_pairs
from smidgen.numerics.norm_stream import norm_stream
from smidgen.numerics.row_pairs import row_pair_stream


def stored_form(graph: Graph, op: Op) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an op by role."""
    if op.kind == "linear" and runs_on_row_pairs(op, graph.operands(op), graph[op.output]):
        weight, bias, multiplier = (op.params[role].astype(np.int64) for role in ("weight", "bias", "multiplier"))
        return {"stream": row_pair_stream(weight, bias, multiplier, row_count(graph[op.output]))}
    if runs_on_norm_stream(op, graph.operands(op)[0], graph[op.output]):
        return {"stream": norm_stream(*(op.params[role].astype(np.int64) for role in ("gain", "bias")))}
    if op.kind == "selective_scan" and "drive_multiplier" in op.params:
        channels = np.stack([op.params[f"{role}_multiplier"] for role in ("drive", "output", "skip")], axis=1)
        return {"decay_multiplier": op.params["decay_multiplier"], "channels": channels}
    return op.params
