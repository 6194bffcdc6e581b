"""Graphs whose shapes do not go together, each legal but for that."""

from dataclasses import replace

import numpy as np
from graph_maker import INT8, SYMMETRIC, GraphMaker
from graphs import replaced
from planted_faults import (
    ATTENTION,
    CONV,
    GRU,
    LINEAR,
    LSTM,
    RECURRED,
    ROTARY,
    SCAN,
    STEPS,
    Faults,
    first,
    masked_softmax,
    with_attr,
    with_param,
    with_tensor,
)

from smidgen.ir import Graph
from smidgen.numerics.window import Window

SHAPES: Faults = {
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


def moment_of_a_scalar() -> Graph:
    """Return a second moment of a tensor without axes."""
    m = GraphMaker()
    scalar = m.reshape(m.input("x", 1), 1)
    graph = m.graph(m.second_moment(scalar))
    bare = replace(graph[scalar], shape=())
    return replace(
        graph, tensors={**graph.tensors, scalar: bare}, ops=(replace(graph.ops[0], attrs={"shape": ()}), graph.ops[1])
    )


def pool_of_padding() -> Graph:
    """Return a pooling whose first window holds no element."""
    m = GraphMaker()
    return m.graph(m.max_pool(m.input("x", 6, 1), Window(size=(2, 1), pad_before=(2, 0))))


def pool_of_a_vector() -> Graph:
    """Return a pooling of a tensor without channels."""
    m = GraphMaker()
    graph = m.graph(m.max_pool(m.input("x", 6, 1), Window(size=(2, 1))))
    return replace(graph, tensors={**graph.tensors, "x": replace(graph["x"], shape=(6,))})


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
