"""Graphs with every operator, inputs for them, and graphs with one operator changed."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from graph_maker import INT8, INT16, SYMMETRIC, Array, GraphMaker
from numpy.typing import NDArray

from smidgen.ir import Clock, Graph, Op, Tensor, check_graph
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.recurrent import HIDDEN
from smidgen.numerics.window import Window

STRIDED = Window(size=(3, 2), stride=(2, 1), dilation=(1, 2), pad_before=(1, 1), pad_after=(1, 1))
UPSAMPLING = Window(size=(2, 3), input_dilation=(2, 1), pad_before=(1, 1), pad_after=(1, 1))


def every_reduction(m: GraphMaker, x: str) -> str:
    """Add every kind that takes one value from each line to (rows, c), but the mean; return what they sum to, (c,)."""
    y = None if m.tensors[x].is_float else INT16
    normed = m.group_norm(m.group_norm(x, 2), 1, spatial=0)
    pairs = m.matmul(normed, normed, transposed=True)
    normed = m.matmul(m.matmul(pairs, m.reshape(pairs, 1, *m.tensors[pairs].shape)), normed)
    normed = m.reshape(normed, *m.tensors[x].shape)
    total = m.sum(normed, 0, INT16)
    seen = m.pointwise(x, "gt_scalar", scalar=-0.1) if m.tensors[x].is_float else m.steps(x)
    weights = m.binary("add", m.softmax(m.log_softmax(normed), seen), m.softmax(normed), y)
    total = m.binary("add", total, m.sum(weights, 0, INT16), y)
    rows = m.embedding(m.argmax(normed, 1), 3, m.tensors[normed].shape[1], y)  # of more ids than rows
    total = m.binary("add", total, m.sum(rows, 0, INT16), y)
    for other in (m.extreme("max", normed, 0), m.extreme("min", x, 0), m.second_moment(m.transpose(normed, 1, 0))):
        total = m.binary("add", total, other, y)
    return m.binary("add", total, m.max_plus(total, m.tensors[total].shape[0], y), y)


def every_loop(m: GraphMaker, x: str, *, reverse: bool = False) -> list[str]:
    """Add a loop along x (t, c) with every part of one; return what it emits, (t, 3) and (t, c), and a last state (c,).

    A gated unit within a step, a smoothed state from a constant, and the largest value so far.
    """
    width = m.tensors[x].shape[1]
    wide, narrow = (None, None) if m.tensors[x].is_float else (INT16, INT8)
    dtype = "int16" if wide else "float32"
    states = [
        Tensor(name="", shape=(width,), dtype=dtype, qparams=qparams) for qparams in (wide and HIDDEN, wide, wide)
    ]

    def step(body: GraphMaker, names: list[str]) -> tuple[list[str], list[str]]:
        frame, unit, smooth, largest, decay = names
        gates = body.linear(body.reshape(frame, 1, width), 3 * width, INT16)
        gated = body.reshape(body.recurrent("gru", gates, first=[unit]), width)
        smoothed = body.binary("add", body.binary("mul", smooth, decay, wide), gated, wide)
        output = body.linear(smoothed, 3)
        return [gated, smoothed, body.binary("maximum", largest, smoothed, wide)], [
            output,
            body.reshape(smoothed, width),
        ]

    whole, first = (m.constant(f"{name}_{x}", width, qparams=wide) for name in ("decay", "first"))
    results = m.loop([x], step, states=states, whole=[whole], firsts={1: first}, lasts=[2], reverse=reverse)
    assert m.tensors[results[0]].qparams == narrow
    return results


def relative_bias(*shape: int) -> NDArray[np.float64]:
    """Return a bias of attention that falls along its last axis, every third pair hidden."""
    bias = np.linspace(0.0, -4.0, int(np.prod(shape))).reshape(shape)
    bias.reshape(-1)[2::3] = -np.inf
    return bias


def every_integer_operator() -> Graph:
    """Return a graph with every kind of operator that has an integer form, and every mix of widths that pays off."""
    m = GraphMaker("integers")
    x, wide = m.input("x", 6, 4), m.input("wide", 6, 4, qparams=INT16)
    pooled = m.max_pool(m.concat(1, x, m.rescale(wide, INT8)), Window(size=(2, 1), pad_after=(1, 0)))
    image = m.conv2d(m.reshape(pooled, 6, 4, 2), 4, STRIDED, groups=2, y=INT16)
    averaged = m.average_pool(image, Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1)), count_padding=False)
    wider = m.conv2d(averaged, 2, UPSAMPLING)
    convolved = m.conv1d(m.reshape(wider, 6, 8), 8)
    joined = m.binary("add", m.linear(convolved, 4, INT16), wide, INT16)
    normed = m.norm("layer_norm", m.binary("add", joined, m.constant("positions", 6, 4), INT16), SYMMETRIC)
    heads = [m.reshape(m.linear(normed, 4, SYMMETRIC), 6, 2, 2) for _ in range(3)]
    shared = m.reshape(m.linear(normed, 2, SYMMETRIC), 6, 1, 2)
    turned = m.rotary(m.rotary(heads[0], pairs=1), pairs=1, interleaved=True, y=SYMMETRIC)
    near = m.attention(turned, shared, shared, causal=False, window=3, bias=relative_bias(2, 5))
    late = m.attention(near, *heads[1:], offset=2, y=INT16, bias=relative_bias(1, 6, 6))
    recurred = m.linear_attention(m.linear_attention(late, *heads[1:]), *heads[1:], decay=None, y=SYMMETRIC)
    attended = m.reshape(m.attention(heads[0], late, recurred), 6, 4)
    u = m.table(m.norm("rms_norm", attended, INT16), SYMMETRIC)
    delta, B, C = (m.linear(u, width, INT16) for width in (4, 3, 3))
    scanned = m.selective_scan(u, m.table(delta, INT16), B, C, INT16)
    gated = m.binary("mul", scanned, m.table(scanned, INT8), INT16)
    ends = [m.binary(kind, gated, scanned, INT16) for kind in ("maximum", "minimum")]
    chosen = m.select(m.steps(m.slice(gated, 1, 0, 1)), *ends)
    divided = m.binary("div", chosen, m.constant("scales", 4, qparams=INT16), INT16)
    projected = m.linear(m.recurrent("gru", m.linear(divided, 12, INT16)), 16, INT16, form="int4")
    hidden = m.recurrent("lstm", projected, first=True, last_cell=True, reverse=True)
    rectified = m.recurrent("rnn", m.linear(hidden, 4, INT16, form="palette"), relu=True)
    emitted, smoothed, largest = every_loop(m, rectified, reverse=True)
    rectified = m.binary("add", m.linear(emitted, 4, HIDDEN), smoothed, HIDDEN)
    turned = m.strided_slice(m.take(m.pad(m.transpose(rectified, 1, 0), 1, 1, 0), 1, 3, 0, 6), 1, 2, -1, 3)
    last = m.binary("add", m.reshape(m.slice(turned, 1, 0, 1), 4), largest, INT16)
    summary = m.binary("add", m.mean(turned, 1, INT16), every_reduction(m, hidden), INT16)
    scores = m.linear(m.binary("add", last, summary, INT8), 5)
    return m.graph(scores, m.argmax(scores, 0), hidden, f"{projected}_cell", m.argmax(hidden, 1, "argmin"))


def every_float_operator() -> Graph:
    """Return a graph with every kind of operator that has a float32 form."""
    m = GraphMaker("floats")
    x, other = m.input("x", 6, 4, qparams=None), m.input("other", 6, 4, qparams=None)
    heard = m.pointwise(x, "gt_scalar", scalar=-0.5)
    chosen = m.select(heard, m.pointwise(x, "clamp", low=-1.0, high=1.0), m.binary("sub", other, x, None))
    joined = m.concat(1, chosen, m.binary("div", x, m.constant("scales", 6, 1, qparams=None), None))
    image = m.conv2d(
        m.reshape(m.max_pool(joined, Window(size=(2, 1), pad_after=(1, 0))), 6, 4, 2), 4, STRIDED, groups=2
    )
    averaged = m.average_pool(image, Window(size=(3, 3), pad_before=(1, 1), pad_after=(1, 1)), count_padding=False)
    wider = m.conv2d(averaged, 2, UPSAMPLING)
    convolved = m.conv1d(m.reshape(wider, 6, 8), 8)
    normed = m.norm("layer_norm", m.binary("add", m.linear(convolved, 4), other, None))
    heads = [m.reshape(m.linear(normed, 4), 6, 2, 2) for _ in range(3)]
    turned = m.rotary(heads[0], pairs=1)
    near = m.attention(turned, *heads[1:], causal=False, window=3, bias=relative_bias(2, 5))
    attended = m.attention(near, *heads[1:], offset=2, bias=relative_bias(1, 6, 6))
    recurred = m.linear_attention(m.linear_attention(attended, *heads[1:]), *heads[1:], decay=None)
    u = m.pointwise(m.norm("rms_norm", m.reshape(m.attention(recurred, *heads[1:]), 6, 4)), "silu")
    delta = m.pointwise(m.linear(u, 4), "softplus")
    step = m.pointwise(m.linear(u, 2), "softplus")
    scanned = m.selective_scan(u, delta, m.linear(u, 3), m.linear(u, 3))
    scanned = m.selective_scan(scanned, step, m.linear(u, 6), m.linear(u, 6), groups=2, form="equal")
    gated = m.binary("mul", scanned, u, None)
    gated = m.binary("maximum", gated, m.binary("minimum", m.slice(u, 0, 2, 3), u, None), None)
    projected = m.linear(m.recurrent("gru", m.linear(gated, 12)), 16)
    hidden = m.recurrent("lstm", projected, first=True, last_cell=True, reverse=True)
    rectified = m.recurrent("rnn", m.linear(hidden, 4), relu=True)
    emitted, smoothed, largest = every_loop(m, rectified)
    rectified = m.binary("add", m.linear(emitted, 4), smoothed, None)
    turned = m.strided_slice(m.take(m.pad(m.transpose(rectified, 1, 0), 1, 1, 0, 0.5), 1, 3, 0, 6), 1, 2, -1, 3)
    last = m.binary("add", m.reshape(m.slice(turned, 1, 0, 1), 4), largest, None)
    summary = m.binary("add", m.mean(turned, 1), every_reduction(m, hidden), None)
    scores = m.linear(m.binary("add", last, summary, None), 5)
    return m.graph(scores, m.argmax(scores, 0), hidden, f"{projected}_cell", m.argmax(hidden, 1, "argmin"))


def every_step_operator(name: str = "steps", *, is_float: bool = False) -> Graph:
    """Return a step graph with every kind of operator that carries a state; its head runs at every third frame."""
    m = GraphMaker(name, is_step=True)
    narrow, wide = (None, None) if is_float else (SYMMETRIC, INT16)
    x = m.input("x", 1, 4, qparams=None if is_float else INT8)
    past = m.history(m.slice(m.recent(x, 2), 0, 1, 2), 0, 3, dilation=2, initial=0.5 if is_float else 3)
    u = m.binary(
        "add", m.conv1d(past, 4, pad=(0, 0), y=narrow), m.stored_row(m.constant("p", 200, 4, qparams=wide)), narrow
    )
    delta = m.pointwise(u, "softplus") if is_float else m.table(m.linear(u, 4, wide), wide)
    scanned = m.selective_scan(u, delta, m.linear(u, 3, wide), m.linear(u, 3, wide), wide, state="int16")
    extremes = m.running_extreme("running_max", m.running_extreme("running_min", m.running_sum(scanned, wide)))
    heads = m.reshape(m.linear(m.binary("add", m.running_mean(scanned, wide), extremes, wide), 4, narrow), 1, 2, 2)
    shared = m.reshape(m.linear(scanned, 2, narrow), 1, 1, 2)
    recurred = m.linear_attention(heads, heads, heads, y=wide)
    attended = m.cached_attention(recurred, shared, shared, window=5, y=wide, bias=relative_bias(2, 5))
    hidden = m.recurrent("gru", m.linear(m.reshape(attended, 1, 4), 12, wide))
    hidden = m.recurrent("lstm", m.linear(hidden, 16, wide), first=True, last_cell=True)
    hidden = m.recurrent("rnn", m.linear(hidden, 4, wide))
    emitted, smoothed, _ = every_loop(m, hidden)
    hidden = m.binary("add", m.linear(emitted, 4, wide), smoothed, wide)
    graph = m.graph(m.linear(hidden, 5, wide), frame_limit=200)
    ops = (*graph.ops[:-1], replace(graph.ops[-1], clock=Clock(stride=3, offset=2)))
    check_graph(replace(graph, ops=ops))
    return replace(graph, ops=ops)


def samples(graph: Graph, n: int = 40, seed: int = 0) -> list[Array]:
    """Return inputs (n, *shape) for a graph: spread, with extremes first."""
    random = np.random.default_rng(seed)
    arrays = []
    for tensor in (graph[name] for name in graph.inputs):
        if tensor.is_float:
            arrays.append(random.normal(size=(n, *tensor.shape)).astype(np.float32))
            continue
        low, high = integer_range(tensor.dtype)
        values = random.integers(low, high + 1, (n, *tensor.shape))
        values[0], values[1], values[2] = low, high, tensor.zero_point
        arrays.append(values.astype(tensor.dtype))
    return arrays


def replaced(graph: Graph, old: Op, **changes: Any) -> Graph:
    """Return the graph, unchecked, with fields of one op changed."""
    values = {f.name: getattr(old, f.name) for f in fields(old)} | changes
    ops = tuple(Op(**values) if op is old else op for op in graph.ops)
    return Graph(name=graph.name, inputs=graph.inputs, outputs=graph.outputs, tensors=graph.tensors, ops=ops)
