"""Random causal windows, and the comparison that every one of them must pass: steps from reset equal the window."""

from collections.abc import Callable

import numpy as np
from graph_maker import INT8, INT16, SYMMETRIC, Array, GraphMaker
from graphs import relative_bias
from hypothesis import strategies as st

from smidgen.ir import Graph, interpret_frames
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams
from smidgen.numerics.window import Window
from smidgen.passes import CausalGraph

STEPS = 12  # of the window that is compiled


def recording(graph: Graph, frames: int, *, batch: int = 1, seed: int = 0) -> list[Array]:
    """Return inputs (batch, frames, features) for a graph whose inputs have time first."""
    random = np.random.default_rng(seed)
    arrays = []
    for tensor in (graph[name] for name in graph.inputs):
        shape = (batch, frames, *tensor.shape[1:])
        if tensor.is_float:
            arrays.append(random.normal(size=shape).astype(np.float32))
        else:
            low, high = integer_range(tensor.dtype)
            arrays.append(random.integers(low, high + 1, shape).astype(tensor.dtype))
    return arrays


def causal(graph: Graph) -> CausalGraph:
    """Return what streams a graph with time as the first axis of each input."""
    return CausalGraph(graph, dict.fromkeys(graph.inputs, 0))


Run = Callable[[CausalGraph, list[Array]], dict[str, Array]]


def stepped(graph: CausalGraph, inputs: list[Array]) -> dict[str, Array]:
    """Return what the reference of the step graph answers to a recording: by output, (batch, answers, *shape)."""
    return interpret_frames(graph.step, graph.frames(inputs))


def assert_steps_equal_windows(graph: CausalGraph, lengths: range, run: Run = stepped) -> None:
    """Every byte of the first n frames of a recording, for every length n at which the graph gives an output."""
    clock, limit = graph.output_clock, graph.frame_limit
    inputs = recording(graph.window, lengths[-1] if limit is None else min(limit, lengths[-1]))
    answers = graph.joined(run(graph, inputs))
    for frames in range(max(lengths[0], clock.offset + 1), inputs[0].shape[1] + 1, lengths.step):
        expected = graph.expected(inputs, frames)
        for name in graph.window.outputs:
            found = graph.part(name, answers[name], frames)
            assert expected[name].dtype == found.dtype
            assert expected[name].tobytes() == found.tobytes(), f"{name} at {frames} frames"


@st.composite
def causal_graphs(draw: st.DrawFn, *, is_float: bool = False) -> Graph:
    """A chain of causal layers with residuals, then a head for every step, the last step, or a mean over time."""
    m = GraphMaker(seed=draw(st.integers(0, 1000)))
    types = [None] if is_float else [INT8, INT16]
    x = m.input("x", STEPS, draw(st.integers(1, 4)), qparams=draw(st.sampled_from(types)))
    if draw(st.booleans()):
        x = m.concat(1, x, m.input("other", STEPS, 2, qparams=m.tensors[x].qparams))
    width = draw(st.integers(1, 4))
    x = m.linear(x, width, draw(st.sampled_from(types)))
    kinds = [
        "linear",
        "conv1d",
        "strided",
        "pool",
        "image",
        "summary",
        "lookup",
        "product",
        "residual",
        "positions",
        "norm",
        "scan",
        "gru",
        "lstm",
        "rnn",
        "running_mean",
        "attention",
        "turned",
        "crop",
    ]
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=5)):
        x = _layer(draw, m, x, kind, width, draw(st.sampled_from(types)))
    head = draw(st.sampled_from(["all", "last", "mean", "sum", "max", "min", "last and mean"]))
    y = types[-1]
    last = m.slice(x, 0, m.tensors[x].shape[0] - 1, m.tensors[x].shape[0])
    results = {
        "all": lambda: [x],
        "last": lambda: [m.reshape(last, width)],
        "mean": lambda: [m.mean(x, 0, y)],
        "sum": lambda: [m.sum(x, 0, y)],
        "max": lambda: [m.extreme("max", x, 0)],
        "min": lambda: [m.extreme("min", x, 0)],
        "last and mean": lambda: [m.binary("add", m.reshape(last, width), m.mean(x, 0, y), y)],
    }[head]()
    return m.graph(m.linear(results[0], 3, y))


def _layer(draw: st.DrawFn, m: GraphMaker, x: str, kind: str, width: int, y: QParams | None) -> str:
    steps = m.tensors[x].shape[0]
    wide, narrow = (None, None) if y is None else (INT16, SYMMETRIC)
    match kind:
        case "linear":
            return m.linear(x, width, y)
        case "conv1d" | "strided":
            taps, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 3))
            span = dilation * (taps - 1)
            stride = draw(st.integers(2, 3)) if kind == "strided" else 1
            left = span if steps - span < 4 or kind == "conv1d" else draw(st.integers(0, span))
            if steps <= 3:
                stride = 1
            return m.conv1d(x, width, taps=taps, pad=(left, 0), stride=stride, dilation=dilation, y=y)
        case "pool":
            taps, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
            window = Window(size=(taps, 1), dilation=(dilation, 1), pad_before=(dilation * (taps - 1), 0))
            return m.max_pool(x, window) if draw(st.booleans()) else m.average_pool(x, window, y=y)
        case "image":
            window = Window(size=(2, 3), pad_before=(1, 2), stride=(1, draw(st.integers(1, 2))))
            columns = m.conv2d(m.reshape(x, steps, width, 1), 2, window, y=y)
            return m.linear(m.reshape(columns, steps, m.tensors[columns].size // steps), width, y)
        case "summary":
            groups = m.group_norm(x, 1, spatial=0, y=y)
            groups = m.softmax(groups, y=y) if draw(st.booleans()) else m.log_softmax(groups, y)
            best = m.reshape(m.extreme("max", groups, 1), steps, 1)
            return m.linear(m.binary("add", best, m.reshape(m.second_moment(x, y=y), steps, 1), y), width, y)
        case "lookup":
            return m.binary("add", x, m.embedding(m.argmax(x, 1), 3, width, wide), y)
        case "product":
            row, column = m.linear(x, width, narrow), m.linear(x, width, wide)
            own = m.matmul(m.reshape(row, steps, 1, width), m.reshape(column, steps, width, 1), y=y)
            return m.linear(m.reshape(own, steps, 1), width, y)
        case "crop" if steps > 4:
            difference = m.slice(x, 0, 1, steps), m.slice(x, 0, 0, steps - 1)
            return m.binary("add", *difference, y)
        case "residual":
            return m.binary("add", x, m.conv1d(x, width, taps=2, pad=(1, 0), y=y), y)
        case "positions":
            return m.binary("add", x, m.constant(f"positions_{len(m.tensors)}", steps, width, qparams=y), y)
        case "norm":
            return m.norm("rms_norm", x, y)
        case "scan":
            u = m.linear(x, width, narrow)
            delta = m.pointwise(u, "softplus") if y is None else m.table(m.linear(u, width, wide), wide)
            state = draw(st.sampled_from(["int32", "int16"]))
            return m.selective_scan(u, delta, m.linear(u, 2, wide), m.linear(u, 2, wide), y, state=state)
        case "gru" | "lstm" | "rnn":
            gates = {"gru": 3, "lstm": 4, "rnn": 1}[kind]
            return m.recurrent(kind, m.linear(x, gates * width, wide), first=draw(st.booleans()))
        case "attention":
            heads = [m.reshape(m.linear(x, 2 * n, narrow), steps, n, 2) for n in (2, 1, 1)]
            window = draw(st.sampled_from([0, 1, 3, 2 * STEPS]))
            bias = relative_bias(2, min(window or steps, steps)) if draw(st.booleans()) else None
            return m.linear(m.reshape(m.attention(*heads, window=window, bias=bias, y=y), steps, 4), width, y)
        case "running_mean":
            return m.running_extreme(draw(st.sampled_from(["running_max", "running_min"])), m.running_mean(x, y))
        case "turned":
            turned = m.transpose(x, 1, 0)
            flat = m.reshape(turned, width, 1, steps)
            return m.transpose(
                m.reshape(m.pointwise(flat, "silu") if y is None else m.table(flat, y), width, steps), 1, 0
            )
    return x
