"""The constants of an op as the C stores them: those of the graph, or laid out in the order in which a kernel reads."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.ops.convolution import convolves_on_row_pairs, runs_depthwise
from smidgen.ir.ops.normalization import runs_on_norm_stream
from smidgen.ir.ops.op_spec import Operands, integer
from smidgen.ir.ops.projections import row_count, runs_on_nibble_blocks, runs_on_row_pairs, runs_on_row_quads
from smidgen.numerics.depthwise import depthwise_stream
from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.nibble_blocks import level_pairs, nibble_stream
from smidgen.numerics.nibbles import INT4_LEVELS, unpack_nibbles
from smidgen.numerics.norm_stream import norm_stream
from smidgen.numerics.row_pairs import row_pair_stream
from smidgen.numerics.row_quads import row_quad_stream
from smidgen.numerics.softmax import int8_powers


def stored_form(graph: Graph, op: Op) -> Mapping[str, NDArray[Any]]:
    """Return the arrays of an op by role."""
    x, y = graph.operands(op), graph[op.output]
    if op.kind == "linear":
        if runs_on_row_pairs(op, x, y):
            return {"stream": row_pair_stream(*_layer(op), row_count(y))}
        if runs_on_row_quads(op, x, y):
            return {"stream": row_quad_stream(*_layer(op))}
        if "packed" in op.params:
            return _packed_layer(op, x, y)
    if op.kind == "conv2d" and runs_depthwise(op, x, y):
        return {"stream": depthwise_stream(*_layer(op), x[0].dtype)}
    if op.kind == "conv2d" and convolves_on_row_pairs(op, x, y):
        return {"stream": row_pair_stream(*_layer(op), row_count(y))}
    if runs_on_norm_stream(op, x[0], y):
        return {"stream": norm_stream(*(op.params[role].astype(np.int64) for role in ("gain", "bias")))}
    if op.kind == "selective_scan" and "drive_multiplier" in op.params:
        channels = np.stack([op.params[f"{role}_multiplier"] for role in ("drive", "output", "skip")], axis=1)
        return {"decay_multiplier": op.params["decay_multiplier"], "channels": channels}
    if op.kind == "softmax" and x[0].dtype == "int8":
        constants = (integer(op, f"exponent_{name}") for name in ("multiplier", "shift", "limit"))
        return {"powers": int8_powers(*constants).astype(np.int32)}
    return op.params


def _packed_layer(op: Op, x: Operands, y: Tensor) -> Mapping[str, NDArray[Any]]:
    """Return a layer of 4-bit codes in blocks, or as it is with what its codes stand for."""
    levels = op.params.get("levels")
    if not runs_on_nibble_blocks(op, x, y):
        return {"levels": INT4_LEVELS, **op.params}
    codes = unpack_nibbles(op.params["packed"], x[0].shape[-1])
    bias, multiplier = (op.params[role].astype(np.int64) for role in ("bias", "multiplier"))
    stream = nibble_stream(codes, bias, multiplier, x[0].dtype, is_palette=levels is not None)
    return {"stream": stream} if levels is None else {"stream": stream, "pairs": level_pairs(levels)}


def _layer(op: Op) -> tuple[Integers, Integers, Integers]:
    """Return weight (outputs, inputs of one), bias and multiplier."""
    weight, bias, multiplier = (op.params[role].astype(np.int64) for role in ("weight", "bias", "multiplier"))
    return weight.reshape(len(weight), -1), bias, multiplier
