"""Graphs whose wiring, types, attributes or parameters are not what an operator declares."""

from dataclasses import replace

import numpy as np
from graph_maker import INT8, INT16, SYMMETRIC, GraphMaker, without
from graphs import replaced
from planted_faults import (
    ARGMAX,
    FLOATS,
    GRU,
    INT4,
    INTEGERS,
    LINEAR,
    PALETTE,
    ROTARY,
    SCAN,
    SLICE,
    Faults,
    first,
    masked_softmax,
    with_attr,
    with_codes,
    with_param,
    with_tensor,
)

from smidgen.ir import Graph
from smidgen.numerics.quantization import QParams

STRUCTURE: Faults = {
    "no input": (lambda g: replace(g, inputs=()), "graph integers needs at least one input and one output"),
    "no output": (lambda g: replace(g, outputs=()), "graph integers needs at least one input and one output"),
    "op name twice": (lambda g: replaced(g, g.ops[1], name=g.ops[0].name), "op name 'rescale.0' occurs twice"),
    "two writers": (lambda g: replaced(g, g.ops[1], output=g.ops[0].output), "tensor to be written 't2' occurs twice"),
    "input written": (lambda g: replaced(g, g.ops[0], output="x"), "tensor to be written 'x' occurs twice"),
    "output twice": (lambda g: replace(g, outputs=(g.outputs[0],) * 2), f"output {INTEGERS.outputs[0]!r} occurs twice"),
    "read too early": (lambda g: replace(g, ops=g.ops[1:]), r"concat.1: input 't2' is read before anything writes it"),
    "input as output": (lambda g: replace(g, outputs=("x",)), "no op writes output 'x'"),
    "unknown tensor": (lambda g: replaced(g, g.ops[0], output="nowhere"), "graph integers has no tensor 'nowhere'"),
    "unknown kind": (lambda g: replaced(g, g.ops[0], kind="fft"), "rescale.0: unknown kind 'fft'; expected one of"),
    "arity": (lambda g: replaced(g, LINEAR, inputs=("x", "x")), rf"{LINEAR.name}: linear takes 1 inputs, got 2"),
    "no operand": (lambda g: replaced(g, g.ops[1], inputs=()), "concat.1: concat takes one or more inputs, got 0"),
    "stored name": (with_tensor("x", name="y"), "tensor 'y' is stored under the name 'x'"),
    "unknown type": (with_tensor("x", dtype="int4"), "tensor x: unknown type 'int4'; expected one of int8"),
    "empty axis": (
        with_tensor("x", shape=(0, 4)),
        r"tensor x: every axis must have at least one element, got \(0, 4\)",
    ),
    "scale of another type": (with_tensor("x", qparams=INT16), "tensor x is int8, its quantisation is for int16"),
    "constant of another shape": (
        with_tensor("positions", data=np.zeros((6, 5), np.int8)),
        r"tensor positions is int8 \(6, 4\), its data int8 \(6, 5\)",
    ),
}
TYPES: Faults = {
    "constant of -32768": (
        with_tensor("scales", data=np.full(4, -32768, np.int16)),
        r"tensor scales holds -32768; int16 activations lie in -32767..32767",
    ),
    "float into integers": (
        with_tensor("x", dtype="float32", qparams=None),
        "concat.1: cannot mix float32 and integers in one concat",
    ),
    "no integer form": (
        lambda g: replaced(g, first(g, "mul"), kind="sub", attrs={}), "sub has no integer form"
    ),
    "no float32 form": (
        lambda g: replaced(FLOATS, first(FLOATS, "pointwise"), kind="table"), "table has no float32 form"
    ),
    "activation without scale": (
        with_tensor("wide", dtype="int32", qparams=None),
        "rescale.0: wide is int32 without a scale; rescale computes with int8 and int16, quantise it",
    ),
    "layout changes the scale": (
        with_tensor(SLICE.output, qparams=QParams(dtype="int16", scale=1.0)),
        f"{SLICE.name}: slice only moves elements; type and scale must stay as they are",
    ),
    "argmax gives int8": (
        with_tensor(ARGMAX.output, dtype="int8", qparams=INT8),
        f"{ARGMAX.name}: argmax gives int32, output .* is declared int8",
    ),
    "delta in int8": (
        lambda g: replaced(g, SCAN, inputs=(SCAN.inputs[0], SCAN.inputs[0], *SCAN.inputs[2:])),
        f"{SCAN.name}: {SCAN.inputs[0]} must be int16, it is int8",
    ),
    "gates in int8": (with_tensor(GRU.inputs[0], dtype="int8", qparams=SYMMETRIC), "must be int16, it is int8"),
    "tables in int8": (
        with_tensor(ROTARY.inputs[1], dtype="int8", qparams=SYMMETRIC, data=np.zeros((6, 1, 1), np.int8)),
        f"{ROTARY.name}: {ROTARY.inputs[1]} must be int16, it is int8",
    ),
    "bias in int32": (
        with_param("attention", "bias", lambda a: a.astype(np.int32)), "bias must be int16 with 2 axes, got int32"
    ),
    "asymmetric matrix": (lambda _: asymmetric_product(), "matmul.0: x must be symmetric, its zero point is 3"),
    "ids of real numbers": (
        lambda _: rows_by_real_numbers(), "x numbers rows and must have scale 1 and zero point 0, has QParams"
    ),
    "table in int16": (
        with_param("embedding", "table", lambda a: a.astype(np.int8)), "table must be int16 with 2 axes, got int8"
    ),
    "what counts in int16": (lambda _: wide_truth(), r"seen tells what counts and must be int8, it is int16"),
    "asymmetric q": (
        lambda _: asymmetric_attention(), "attention.0: q must be symmetric, its zero point is 3"
    ),
}  # fmt: skip
ATTRIBUTES: Faults = {
    "missing": (
        lambda g: replaced(g, LINEAR, attrs=without(dict(LINEAR.attrs), "shift")),
        rf"{LINEAR.name}: attributes must be \['accumulator_bound', 'shift'\], got \['accumulator_bound'\]",
    ),
    "unknown": (with_attr("linear", "hue", 1), r"attributes must be .*, got \['accumulator_bound', 'hue', 'shift'\]"),
    "states of another width": (
        with_attr("selective_scan", "state_width", 24), f"{SCAN.name}: state_width must be one of 16, 32, got 24"
    ),
    "states of 16 bits that are less": (
        lambda g: replaced(g, SCAN, attrs={**SCAN.attrs, "state_width": 16, "state_bits": 14}),
        rf"{SCAN.name}: states of 16 bits reach 2\*\*15, state_bits is 14",
    ),
    "beyond its range": (with_attr("linear", "shift", 32), f"{LINEAR.name}: shift must lie in -30..31, got 32"),
    "no whole number": (with_attr("linear", "shift", 0.5), "shift must lie in -30..31, got 0.5"),
    "a flag for a number": (with_attr("linear", "shift", True), "shift must lie in -30..31, got True"),
    "a number for a flag": (with_attr("attention", "causal", 1), "causal must be a finite bool, got 1"),
    "not finite": (with_attr("rms_norm", "eps", float("nan"), FLOATS), "eps must be a finite float, got nan"),
    "no tuple": (with_attr("transpose", "permutation", 3), "permutation must be a finite tuple, got 3"),
    "tuple of others": (with_attr("reshape", "shape", (6, -1)), r"shape must hold whole numbers, got \(6, -1\)"),
    "unknown function": (
        with_attr("pointwise", "function", "sinh", FLOATS), "unknown function 'sinh'; expected one of relu, "
    ),
    "scalar missing": (
        with_attr("pointwise", "function", "relu", FLOATS),
        r"attributes must be \['function'\], got \['function', 'scalar'\]",
    ),
}  # fmt: skip
PARAMETERS: Faults = {
    "missing": (
        lambda g: replaced(g, LINEAR, params=without(dict(LINEAR.params), "bias")),
        rf"{LINEAR.name}: parameters must be \['bias', 'multiplier', 'weight'\], got \['multiplier', 'weight'\]",
    ),
    "type": (with_param("linear", "bias", lambda a: a.astype(np.int64)), r"bias must be int32 with 1 axes, got int64"),
    "axes": (with_param("linear", "weight", lambda a: a[0]), r"weight must be int8 with 2 axes, got int8 \(8,\)"),
    "length": (with_param("linear", "bias", lambda a: a[:-1]), r"bias must have shape \(4,\), got \(3,\)"),
    "gate weights": (with_param("gru", "bias", lambda a: a[:-1]), r"bias must have shape \(12,\), got \(11,\)"),
    "table": (with_param("table", "table", lambda a: a[:-1]), r"table must have shape \(513,\), got \(512,\)"),
    "negative multiplier": (with_param("linear", "multiplier", np.negative), "multiplier must not be negative, found"),
    "weight of -128": (
        with_param("linear", "weight", lambda a: np.full_like(a, -128)), "weights must lie in -127..127, found -128"
    ),
    "integer of -8": (
        with_codes(INT4, "packed", lambda a: np.full_like(a, 0x88)), "weights of four bits must lie in -7..7, found -8"
    ),
    "type of codes": (
        with_codes(INT4, "packed", lambda a: a.astype(np.int8)), "packed must be uint8 with 2 axes, got int8"
    ),
    "bytes of a row": (
        with_codes(INT4, "packed", lambda a: a[:, 1:]), r"1 bytes a row hold no weights for input of shape \(6, 4\)"
    ),
    "rows of codes": (with_codes(INT4, "packed", lambda a: a[1:]), r"linear gives \(6, 15\), output \w+ is declared"),
    "levels": (with_codes(PALETTE, "levels", lambda a: a[:8]), r"a palette has 16 levels, got \(8,\)"),
    "level of -128": (
        with_codes(PALETTE, "levels", lambda a: np.full_like(a, -128)), "weights must lie in -127..127, found -128"
    ),
    "a weight and codes": (
        lambda g: replaced(g, INT4, params={**INT4.params, "weight": LINEAR.params["weight"]}),
        r"parameters must be \['bias', 'multiplier', 'packed'\], got \['bias', 'multiplier', 'packed', 'weight'\]",
    ),
    "score": (
        with_param("max_plus", "scores", lambda a: np.full_like(a, -(2**30))),
        "a score of 1073741824 could overflow, 1073741823 is most",
    ),
    "accumulator": (
        with_param("linear", "bias", lambda a: np.full_like(a, 2**31 - 1)),
        f"{LINEAR.name}: the accumulator can reach",
    ),
}  # fmt: skip


def asymmetric_product() -> Graph:
    """Return a product with a matrix that has a zero point."""
    m = GraphMaker()
    x = m.input("x", 4, 4, qparams=SYMMETRIC)
    graph = m.graph(m.matmul(x, x))
    return replace(graph, tensors={**graph.tensors, "x": replace(graph["x"], qparams=INT8)})


def rows_by_real_numbers() -> Graph:
    """Return rows of a table by numbers in steps of a fraction."""
    m = GraphMaker()
    return m.graph(m.embedding(m.input("x", 6, qparams=SYMMETRIC), 3, 4))


def wide_truth() -> Graph:
    """Return a masked softmax whose truth values are int16."""
    graph = masked_softmax()
    return replace(graph, tensors={**graph.tensors, "seen": replace(graph["seen"], dtype="int16", qparams=INT16)})


def asymmetric_attention() -> Graph:
    """Return attention over a query with a zero point."""
    m = GraphMaker()
    q = m.input("q", 2, 1, 2, qparams=SYMMETRIC)
    graph = m.graph(m.attention(q, q, q))
    return replace(graph, tensors={**graph.tensors, "q": replace(graph["q"], qparams=INT8)})
