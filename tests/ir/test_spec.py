"""check_graph lets legal graphs pass and refuses every illegal one with the operator's name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawing import graphs
from graphs import (
    INT8,
    INT16,
    SYMMETRIC,
    TRUTH,
    GraphMaker,
    every_float_operator,
    every_integer_operator,
    every_step_operator,
    replaced,
    without,
)
from hypothesis import given

from smidgen.errors import GraphError
from smidgen.ir import Graph, Op, check_graph
from smidgen.ir.ops import OP_SPECS
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN
from smidgen.numerics.window import Window

Spoil = Callable[[Graph], Graph]

INTEGERS = every_integer_operator()
STEPS = every_step_operator()
FLOATS = every_float_operator()


def first(graph: Graph, kind: str) -> Op:
    """Return the first operator of a kind."""
    return next(op for op in graph.ops if op.kind == kind)


def test_every_kind_of_operator_is_covered() -> None:
    """The graphs of the tests hold every kind that exists, each in every arithmetic it has."""
    integer_kinds = {kind for kind, spec in OP_SPECS.items() if spec.integer is not None}
    float_kinds = {kind for kind, spec in OP_SPECS.items() if spec.float32 is not None}
    assert {op.kind for op in (*INTEGERS.ops, *every_step_operator().ops)} == integer_kinds
    assert {op.kind for op in (*FLOATS.ops, *every_step_operator(is_float=True).ops)} == float_kinds


@given(graph=graphs())
def test_random_graphs_are_legal(graph: Graph) -> None:
    """What the tests draw passes, so a refusal elsewhere is due to the fault planted there."""
    check_graph(graph)


def with_attr(kind: str, key: str, value: object, graph: Graph = INTEGERS) -> Spoil:
    """Set an attribute of the first operator of a kind."""
    op = first(graph, kind)
    return lambda _: replaced(graph, op, attrs={**op.attrs, key: value})


def with_param(kind: str, role: str, change: Callable[[Any], Any], graph: Graph = INTEGERS) -> Spoil:
    """Change a parameter of the first operator of a kind."""
    op = first(graph, kind)
    return lambda _: replaced(graph, op, params={**op.params, role: change(op.params[role])})


def with_tensor(tensor: str, **changes: Any) -> Spoil:
    """Change fields of a tensor."""
    return lambda g: replace(g, tensors={**g.tensors, tensor: replace(g.tensors[tensor], **changes)})


LINEAR, CONV, SCAN = (first(INTEGERS, kind) for kind in ("linear", "conv2d", "selective_scan"))
GRU, LSTM = (first(INTEGERS, kind) for kind in ("gru", "lstm"))
INT4, PALETTE = (op for op in INTEGERS.ops if "packed" in op.params)


def with_codes(op: Op, role: str, change: Callable[[Any], Any]) -> Spoil:
    """Change a parameter of a linear layer of 4-bit codes."""
    return lambda g: replaced(g, op, params={**op.params, role: change(op.params[role])})


RECURRED = first(INTEGERS, "linear_attention")
ATTENTION, ROTARY, ARGMAX, SLICE = (first(INTEGERS, kind) for kind in ("attention", "rotary", "argmax", "slice"))

STRUCTURE: dict[str, tuple[Spoil, str]] = {
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
TYPES: dict[str, tuple[Spoil, str]] = {
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
ATTRIBUTES: dict[str, tuple[Spoil, str]] = {
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
PARAMETERS: dict[str, tuple[Spoil, str]] = {
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
SHAPES: dict[str, tuple[Spoil, str]] = {
    "declared": (with_tensor(LINEAR.output, shape=(6, 5)), r"linear gives \(6, 4\), output \w+ is declared \(6, 5\)"),
    "features": (
        lambda g: replaced(g, LINEAR, inputs=("x",)), r"weight takes 8 features, input has shape \(6, 4\)"
    ),
    "operands": (
        lambda g: replaced(g, first(g, "add"), inputs=("x", CONV.output)),
        r"operands of shapes \(6, 4\) and \(3, 4, 4\) cannot be broadcast to one",
    ),
    "channels": (with_attr("conv2d", "groups", 3), r"weight \(4, 3, 2, 1\) in 3 groups and \(6, 4, 2\)"),
    "window": (with_attr("conv2d", "stride", (1,)), r"stride of a window must be two numbers of at least 1, got"),
    "window too large": (
        with_attr("max_pool", "dilation", (7, 1)), r"max_pool.2: a window over 8 does not fit 6 elements, 7 with"
    ),
    "columns of a sequence": (with_attr("max_pool", "pad_after", (1, 1)), "its window makes 2 of it"),
    "one axis": (
        lambda g: pool_of_a_vector(), r"expected \(time, channels\) or \(rows, columns, channels\), got \(6,\)"
    ),
    "multipliers of a pool": (
        with_attr("average_pool", "count_padding", True), "multiplier must have 1 elements, got 9"
    ),
    "window in the padding": (lambda _: pool_of_padding(), "max_pool.0: a window lies in the padding alone"),
    "heads": (
        lambda g: replaced(g, ATTENTION, inputs=(*ATTENTION.inputs[:2], "wide")), r"q, k, v must be \(T, H, w\)"
    ),
    "heads that do not share": (
        lambda g: replaced(g, ATTENTION, inputs=(ATTENTION.inputs[1], *[ATTENTION.inputs[0]] * 2)),
        r"q, k, v must be \(T, H, w\), .* with H a multiple of G; got \(6, 1, 2\), \(6, 2, 2\)",
    ),
    "bias of three heads": (
        with_param("attention", "bias", lambda a: np.resize(a, (3, 5))), "its bias is for 3 heads, q has 2; give one,"
    ),
    "bias of few distances": (
        with_param("attention", "bias", lambda a: a[:, 1:]), r"a bias by distance must be \(heads or 1, 5\), got"
    ),
    "bias of other pairs": (
        with_param("attention", "bias", lambda a: np.resize(a, (2, 6, 5))), r"of pairs must be \(heads or 1, 6, 6\)"
    ),
    "heads of a recurrence": (
        lambda g: replaced(g, RECURRED, inputs=(RECURRED.inputs[0], "wide", RECURRED.inputs[2])),
        r"q, k, v must be \(T, H, w\), \(T, H, w\), \(T, H, u\); got \(6, 2, 2\), \(6, 4\), \(6, 2, 2\)",
    ),
    "decays": (
        with_param("linear_attention", "decay", lambda a: a[:1]), r"its decay must have 2 elements, one a head, got \(1"
    ),
    "tables of few steps": (
        with_tensor(ROTARY.inputs[1], shape=(5, 1, 1), data=np.zeros((5, 1, 1), np.int16)),
        r"x, cos, sin must be \(T, H, w\), .* 2 p at most w; got \(6, 2, 2\), \(5, 1, 1\), \(6, 1, 1\)",
    ),
    "scan": (
        lambda g: replaced(g, SCAN, inputs=(*SCAN.inputs[:2], SCAN.inputs[2], SCAN.inputs[1])),
        r"u \(t, d\), delta \(t, heads\) and B, C \(t, n\) expected",
    ),
    "scan in groups": (with_attr("selective_scan", "groups", 2), "of 3 states part neither into 4 heads nor 2 groups"),
    "scan with other decays": (
        with_param("selective_scan", "decay_multiplier", lambda a: a[:, :2]), r"of 3 states have decays \(4, 2\)"
    ),
    "gates": (
        lambda g: replaced(g, GRU, inputs=("wide",)),
        r"weight \(12, 4\) and gates \(6, 4\); \(3h, h\) and \(t, 3h\) expected",
    ),
    "first states": (
        lambda g: replaced(g, LSTM, inputs=LSTM.inputs[:2]),
        r"first states must be hidden and cell of shape \(4,\), got \[\(4,\)\]",
    ),
    "last cell": (
        with_tensor(LSTM.more[0], shape=(5,)), r"beside its output lstm gives \(\(\(4,\), 'int16'\),\), declared is"
    ),
    "more results than a kind has": (
        lambda g: replaced(replaced(g, LSTM, more=()), GRU, more=LSTM.more), r"beside its output gru gives \(\), "
    ),
    "permutation": (with_attr("transpose", "permutation", (0, 0)), r"\(0, 0\) does not permute the axes of \(6, 4\)"),
    "view": (with_attr("reshape", "shape", (6, 2, 3)), r"cannot view \(6, 8\) as \(6, 2, 3\)"),
    "slice": (with_attr("slice", "stop", 7), r"\[0:7\] is outside axis 1 of \(6, 4\)"),
    "strided slice": (with_attr("strided_slice", "step", -2), r"position -2 is outside axis 1 of \(4, 3\)"),
    "taken": (
        with_param("take", "indices", lambda a: a + np.int16(2)), r"position 8 is outside axis 1 of \(4, 7\)"
    ),
    "chain of told decays": (
        with_attr("selective_scan", "chain", True), f"{SCAN.name}: a chain of decays is told by one a head, not by 3"
    ),
    "steps that fall": (
        with_param("steps", "thresholds", lambda a: a[::-1]), r"thresholds must rise and have one value more"
    ),
    "steps without end": (with_param("steps", "values", lambda a: a[:-1]), "thresholds must rise and have one value"),
    "filled": (with_attr("pad", "fill", -32768), "fill -32768 is no value of int16"),
    "begun": (
        lambda _: with_attr("history", "initial", -(2**31), STEPS)(STEPS), r"initial -2147483648 is no value of int"
    ),
    "matrices": (with_attr("matmul", "transposed", False), r"\(6, 4\) and \(6, 4\) do not go together, transposed=F"),
    "leading axes": (lambda _: matrices_of_unlike_leading_axes(), r"leading axes \(2,\) and \(3,\) differ; one of"),
    "vectors": (lambda _: product_of_vectors(), r"matrices have two axes at least, got \(4,\) and \(4, 4\)"),
    "what counts": (lambda _: truth_of_other_rows(), r"\(3, 4\) does not tell for every row of \(6, 4\), or"),
    "softmax of a scalar": (lambda _: softmax_of_a_scalar(), "softmax works along the last axis, t1 has none"),
    "softmax of three": (lambda _: softmax_of_three(), "softmax takes one operand, or two, got 3"),
    "groups": (with_attr("group_norm", "groups", 3), r"\(6, 4\) has no 1 axes before channels that part into 3 groups"),
    "places": (with_attr("group_norm", "spatial", 2), r"\(6, 4\) has no 2 axes before channels that part into 2"),
    "moment of a scalar": (lambda _: moment_of_a_scalar(), "second_moment works along the last axis, t1 has none"),
    "axis": (with_attr("mean", "axis", 2), r"\(4, 3\) has no axis 2"),
    "joined": (lambda _: concat_of_two_widths(), r"cannot join \(2, 3\) and \(2, 4\) along axis 0"),
    "no last axis": (lambda _: norm_of_a_scalar(), "rms_norm works along the last axis, t1 has none"),
}  # fmt: skip
#: Attributes that each are legal, and together let a sum leave its register.
BOUNDS: dict[str, tuple[Spoil, str]] = {
    "add of int8": (lambda _: narrow_add(multiplier_a=2**24), r"add.0: its sum can reach \d+, it must stay"),
    "mean": (lambda _: long_mean(), "mean.1: a mean over 131072 elements could overflow, 65538 are most"),
    "average": (lambda _: long_pool(), r"average_pool.0: its sum can reach \d+, it must stay below 2\*\*31"),
    "product": (with_attr("matmul", "prescale", 0), r"matmul.*: a sum of products can reach \d+, it must stay below 2"),
    "logarithm": (
        with_attr("log_softmax", "logit_multiplier", 2**54 - 1),
        r"log_softmax.*: a logarithm can reach \d+, it must stay below 2\*\*63",
    ),
    "sum": (lambda _: long_sum(), r"sum.1: its sum can reach \d+, it must stay below 2\*\*31"),
    "power of a moment": (with_attr("second_moment", "fraction_bits", 16), r"the power of a row can reach \d+"),
    "power of a group": (with_attr("group_norm", "epsilon", 2**62 - 1), r"group_norm.*: the power of a row can reach"),
    "power of a row": (with_attr("layer_norm", "epsilon", 2**62 - 1), r"the power of a row can reach \d+"),
    "root of a row": (with_attr("layer_norm", "root_shift", 3), r"root_shift must be \d+ for int"),
    "bias of a row": (
        with_param("rms_norm", "bias", lambda bias: np.full_like(bias, 2**31 - 1)), r"a product with its bias can reach"
    ),
    "mean of a row": (with_attr("layer_norm", "mean_multiplier", 2**31 - 1), "says more than the mean of 4 features"),
    "score": (lambda _: wide_attention(score_prescale=0), r"a score can reach \d+, it must stay below 2\*\*30"),
    "state": (
        with_attr("linear_attention", "state_shift", -16), r"the state could overflow after \d+ steps, it runs for 6"
    ),
    "a decay that grows": (
        with_param("linear_attention", "decay", np.negative), "a decay must not be negative, found -"
    ),
    "a sum of a recurrence": (
        with_attr("linear_attention", "output_prescale", 0), r"a scaled sum can reach \d+, it must stay below 2\*\*63"
    ),
    "bias": (with_attr("attention", "bias_shift", 30), r"a score can reach \d+, it must stay below 2\*\*30"),
    "values": (lambda _: wide_attention(value_shift=0), r"a sum of values can reach \d+, it must stay below"),
    "places": (with_attr("attention", "output_shift", -16), "output_shift -16 asks for a shift by 64, 62 is most"),
    "gate sum": (
        lambda g: replaced(
            g, GRU, attrs={**GRU.attrs, "input_multiplier": 2**31 - 1, "shift": -30},
            params={**GRU.params, "bias": np.full(12, 2**30, np.int32), "multiplier": np.full(12, 2**31 - 1, np.int32)},
        ),
        r"a gate sum can reach \d+, it must stay below 2\*\*63",
    ),
    "states": (lambda _: scan_of_many_states(), r"the sum over states can reach 2147483652, it must stay below"),
}  # fmt: skip
ALL = {
    f"{chapter}: {case}": fault
    for chapter, faults in {
        "structure": STRUCTURE, "types": TYPES, "attributes": ATTRIBUTES, "parameters": PARAMETERS, "shapes": SHAPES,
        "bounds": BOUNDS,
    }.items()
    for case, fault in faults.items()
}  # fmt: skip


def unchecked(maker: GraphMaker, result: str, **attrs: int) -> Graph:
    """Return a graph whose last operator has other attributes."""
    graph = maker.graph(result)
    last = graph.ops[-1]
    return replaced(graph, last, attrs={**last.attrs, **attrs})


def narrow_add(**attrs: int) -> Graph:
    """Return a sum of int8 with other attributes."""
    m = GraphMaker()
    return unchecked(m, m.binary("add", m.input("a", 4), m.input("b", 4)), **attrs)


def long_mean() -> Graph:
    """Return a mean over 2**17 elements of int16, as a file may hold it."""
    m = GraphMaker()
    x = m.input("x", 2**17, 1, qparams=INT16)
    short = m.graph(m.mean(m.slice(x, 0, 0, 8), 0, INT16))
    return replace(short, ops=(replace(short.ops[-1], inputs=(x,)),))


def matrices_of_unlike_leading_axes() -> Graph:
    """Return a product of 2 matrices with 3."""
    m = GraphMaker()
    a, b = m.input("a", 2, 4, 4, qparams=SYMMETRIC), m.input("b", 2, 4, 4, qparams=SYMMETRIC)
    graph = m.graph(m.matmul(a, b))
    return replace(graph, tensors={**graph.tensors, "b": replace(graph["b"], shape=(3, 4, 4))})


def product_of_vectors() -> Graph:
    """Return a product of a vector with a matrix."""
    m = GraphMaker()
    a, b = m.input("a", 1, 4, qparams=SYMMETRIC), m.input("b", 4, 4, qparams=SYMMETRIC)
    graph = m.graph(m.matmul(a, b))
    return replace(graph, tensors={**graph.tensors, "a": replace(graph["a"], shape=(4,))})


def asymmetric_product() -> Graph:
    """Return a product with a matrix that has a zero point."""
    m = GraphMaker()
    x = m.input("x", 4, 4, qparams=SYMMETRIC)
    graph = m.graph(m.matmul(x, x))
    return replace(graph, tensors={**graph.tensors, "x": replace(graph["x"], qparams=INT8)})


def masked_softmax() -> Graph:
    """Return a softmax of which a second operand tells what counts."""
    m = GraphMaker()
    x, seen = m.input("x", 6, 4), m.input("seen", 6, 4, qparams=TRUTH)
    return m.graph(m.softmax(x, seen))


def rows_by_real_numbers() -> Graph:
    """Return rows of a table by numbers in steps of a fraction."""
    m = GraphMaker()
    return m.graph(m.embedding(m.input("x", 6, qparams=SYMMETRIC), 3, 4))


def wide_truth() -> Graph:
    """Return a masked softmax whose truth values are int16."""
    graph = masked_softmax()
    return replace(graph, tensors={**graph.tensors, "seen": replace(graph["seen"], dtype="int16", qparams=INT16)})


def truth_of_other_rows() -> Graph:
    """Return a masked softmax with truth values for other rows."""
    graph = masked_softmax()
    return replace(graph, tensors={**graph.tensors, "seen": replace(graph["seen"], shape=(3, 4))})


def softmax_of_three() -> Graph:
    """Return a softmax with an operand too many."""
    graph = masked_softmax()
    return replace(graph, ops=(replace(graph.ops[0], inputs=("x", "seen", "seen")),))


def softmax_of_a_scalar() -> Graph:
    """Return a softmax of a mean over everything."""
    m = GraphMaker()
    return m.graph(m.softmax(m.mean(m.input("x", 4), 0)))


def long_sum() -> Graph:
    """Return a sum over 2**17 elements of int16, as a file may hold it."""
    m = GraphMaker()
    x = m.input("x", 2**17, 1, qparams=INT16)
    short = m.graph(m.sum(m.slice(x, 0, 0, 8), 0, INT16))
    return replace(short, ops=(replace(short.ops[-1], inputs=(x,)),))


def moment_of_a_scalar() -> Graph:
    """Return a second moment of a tensor without axes."""
    m = GraphMaker()
    scalar = m.reshape(m.input("x", 1), 1)
    graph = m.graph(m.second_moment(scalar))
    bare = replace(graph[scalar], shape=())
    return replace(
        graph, tensors={**graph.tensors, scalar: bare}, ops=(replace(graph.ops[0], attrs={"shape": ()}), graph.ops[1])
    )


def long_pool() -> Graph:
    """Return the mean of windows of 2**16 elements of int16, as a file may hold it."""
    m = GraphMaker()
    graph = m.graph(m.average_pool(m.input("x", 2**16, 1, qparams=INT16), Window(size=(8, 1), stride=(2**16, 1))))
    return replaced(graph, graph.ops[0], attrs={**graph.ops[0].attrs, "size": (2**16, 1)})


def pool_of_padding() -> Graph:
    """Return a pooling whose first window holds no element."""
    m = GraphMaker()
    return m.graph(m.max_pool(m.input("x", 6, 1), Window(size=(2, 1), pad_before=(2, 0))))


def pool_of_a_vector() -> Graph:
    """Return a pooling of a tensor without channels."""
    m = GraphMaker()
    graph = m.graph(m.max_pool(m.input("x", 6, 1), Window(size=(2, 1))))
    return replace(graph, tensors={**graph.tensors, "x": replace(graph["x"], shape=(6,))})


def wide_attention(**attrs: int) -> Graph:
    """Return attention of int16 with other attributes."""
    m = GraphMaker()
    q = m.input("q", 4, 1, 4, qparams=INT16)
    return unchecked(m, m.attention(q, q, q), **attrs)


def scan_of_many_states() -> Graph:
    """Return a scan of 8 states, each of which may reach what 2 may."""
    m = GraphMaker()
    u, delta = m.input("u", 3, 2, qparams=SYMMETRIC), m.input("delta", 3, 2, qparams=INT16)
    B = m.input("B", 3, 8, qparams=INT16)
    return unchecked(m, m.selective_scan(u, delta, B, B), state_bits=29)


def asymmetric_attention() -> Graph:
    """Return attention over a query with a zero point."""
    m = GraphMaker()
    q = m.input("q", 2, 1, 2, qparams=SYMMETRIC)
    graph = m.graph(m.attention(q, q, q))
    return replace(graph, tensors={**graph.tensors, "q": replace(graph["q"], qparams=INT8)})


def concat_of_two_widths() -> Graph:
    """Return a concatenation along the first axis of tensors that differ in the second."""
    m = GraphMaker()
    a, b = m.input("a", 2, 3), m.input("b", 2, 4)
    graph = m.graph(m.concat(1, a, b))
    return replaced(graph, graph.ops[0], attrs={"axis": 0})


def norm_of_a_scalar() -> Graph:
    """Return a norm of a tensor without axes."""
    m = GraphMaker()
    scalar = m.reshape(m.input("x", 1), 1)
    graph = m.graph(m.norm("rms_norm", scalar, INT8))
    bare = {name: replace(graph[name], shape=()) for name in (scalar, graph.outputs[0])}
    reshape = replace(graph.ops[0], attrs={"shape": ()})
    return replace(graph, tensors={**graph.tensors, **bare}, ops=(reshape, graph.ops[1]))


@pytest.mark.parametrize(("kind", "role"), [("table", "table"), ("steps", "values")])
def test_no_table_gives_a_value_that_int16_has_not(kind: str, role: str) -> None:
    """-32768 would reach operators whose proofs count on -32767 as the least."""
    m = GraphMaker()
    x = m.input("x", 4, qparams=INT16)
    graph = m.graph(m.table(x, INT16) if kind == "table" else m.steps(x, INT16))
    (op,) = graph.ops
    lowest = op.params[role].copy()
    lowest[0] = -32768
    with pytest.raises(GraphError, match=rf"{kind}.0: {role} holds -32768; int16 activations lie in -32767..32767"):
        check_graph(replaced(graph, op, params={**op.params, role: lowest}))


def test_a_state_is_no_output() -> None:
    """What `recent` gives stands in the state bytes, so that nothing would write the caller's buffer."""
    m = GraphMaker(is_step=True)
    last = m.recent(m.input("x", 1, 4), 3)
    with pytest.raises(GraphError, match=rf"recent.0: its result {last} is a state and no output; give a reshape"):
        m.graph(last)


def test_a_step_begins_from_constants() -> None:
    """At reset nothing is computed yet, so that a state cannot begin from it."""
    m = GraphMaker(is_step=True)
    gates, first = m.input("gates", 1, 6, qparams=INT16), m.table(m.input("x", 2, qparams=INT16), HIDDEN)
    hidden = m.recurrent("gru", gates, first=[first])
    with pytest.raises(GraphError, match=rf"gru.1 begins from {first}, which must be a constant in a step graph"):
        m.graph(hidden)


@pytest.mark.parametrize("graph", [INTEGERS, STEPS], ids=["window", "step"])
def test_activations_of_32_bits_are_refused_wherever_they_stand(graph: Graph) -> None:
    """No kernel reads or writes them: the operator is named, by each of its operands and results, alone in a graph."""
    for op in graph.ops:
        near = {name: replace(graph[name], data=None) for name in (*op.inputs, *op.outputs)}
        inputs = tuple(dict.fromkeys(op.inputs))
        alone = replace(graph, tensors=near, ops=(op,), inputs=inputs, outputs=op.outputs[:1])
        for name in (name for name, tensor in near.items() if tensor.qparams is not None):
            wide = with_tensor(name, dtype="int32", qparams=QParams(dtype="int32", scale=1.0))(alone)
            with pytest.raises(GraphError, match=f"^{op.name}: "):
                check_graph(wide)


@pytest.mark.parametrize("case", ALL)
def test_an_illegal_graph_is_refused(case: str) -> None:
    """Each rule has a graph that breaks it and nothing else; the message names the operator and what was found."""
    spoil, message = ALL[case]
    with pytest.raises(GraphError, match=message):
        check_graph(spoil(INTEGERS))


@pytest.mark.parametrize(
    ("causal", "window", "offset", "pairs"),
    [(True, 0, 0, 1 + 2 + 2 + 2), (True, 1, 0, 1 + 1), (False, 2, 0, 2 + 2 + 1), (True, 0, 1, 2 * 4)],
)
def test_attention_counts_the_pairs_it_computes(causal: bool, window: int, offset: int, pairs: int) -> None:
    """Of 4 queries and 2 keys: causal, those up to the query's own step; with a window, those near it."""
    m = GraphMaker()
    q, k = m.input("q", 4, 3, 3, qparams=SYMMETRIC), m.input("k", 2, 1, 3, qparams=SYMMETRIC)
    v = m.input("v", 2, 1, 5, qparams=SYMMETRIC)
    graph = m.graph(m.attention(q, k, v, causal=causal, window=window, offset=offset))
    op = graph.ops[-1]
    assert OP_SPECS["attention"].macs(op, graph.operands(op), graph[op.output]) == 3 * (3 + 5) * pairs
