"""Strategies for whole graphs: inputs of any type, a dozen operators that branch, one to three outputs."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from drawing import attention, layout, pointwise, products, recurrences, reductions, streaming
from drawing.inputs import extreme_samples, ordinary_count
from drawing.loops import loop_of
from drawing.sketch import SIZES, Generator, Generators, Sketch
from smidgen.errors import GraphError
from smidgen.ir import Clock, Graph, Tensor, check_graph, interpret, interpret_frames
from smidgen.ir.ops import OP_SPECS

_MOST_INPUTS = 3
_MOST_OPERATORS = 12
_MOST_IN_LOOP = 4
_MOST_OUTPUTS = 3

GENERATORS: dict[str, Generator] = {
    **layout.GENERATORS,
    **pointwise.GENERATORS,
    **products.GENERATORS,
    **reductions.GENERATORS,
    **attention.GENERATORS,
    **recurrences.GENERATORS,
}
_WITHOUT_LOOPS = dict(GENERATORS)
GENERATORS["loop"] = loop_of(lambda body: _add_operators(body, _WITHOUT_LOOPS, most=_MOST_IN_LOOP))

#: Kinds of which only a step graph keeps the state.
STEP_GENERATORS: dict[str, Generator] = {**streaming.STEP_GENERATORS, **attention.STEP_GENERATORS}


@st.composite
def graphs(draw: st.DrawFn, *, kinds: Collection[str] = tuple(GENERATORS)) -> Graph:
    """Windows: one to three inputs of up to three axes, of any type, and up to a dozen operators on them."""
    s = Sketch(draw)
    _add_inputs(s)
    _add_operators(s, {kind: GENERATORS[kind] for kind in kinds})
    return s.finished(*_outputs(s))


def layouts() -> st.SearchStrategy[Graph]:
    """Windows dense in what moves elements, with some arithmetic of single elements and rows between."""
    return graphs(kinds=[*layout.GENERATORS, "linear", "table", "add", "rms_norm"])


@st.composite
def step_graphs(draw: st.DrawFn, *, kinds: Collection[str] = (*STEP_GENERATORS, *GENERATORS)) -> Graph:
    """Steps: the same, with operators that look back on frames before; the last operators run at every n-th frame."""
    s = Sketch(draw, is_step=True)
    _add_inputs(s)
    _add_operators(s, {kind: (STEP_GENERATORS | GENERATORS)[kind] for kind in kinds})
    graph = s.finished(*_outputs(s))
    clock = Clock(stride=s.whole(1, 3), offset=s.whole(0, 2))
    return _slowed(graph, clock, first=s.whole(0, len(graph.ops) - 1))


def _slowed(graph: Graph, clock: Clock, first: int) -> Graph:
    """Return the graph with a clock for its operators from the first on; as it is where outputs come at every frame."""
    slowed = replace(
        graph, ops=tuple(replace(op, clock=clock) if index >= first else op for index, op in enumerate(graph.ops))
    )
    try:
        check_graph(slowed)
    except GraphError:
        return graph
    return slowed if len(finite_outputs(slowed)) == len(graph.outputs) else graph


def _add_inputs(s: Sketch) -> None:
    s.draw(_input(s))
    while len(s.tensors) < _MOST_INPUTS and s.chance():
        s.draw(_input(s))


def _add_operators(s: Sketch, generators: Generators, most: int = _MOST_OPERATORS) -> None:
    s.draw(add_operator(s, generators))
    for _ in range(most - 1):
        if s.whole(0, 7) == 0:
            return
        s.draw(add_operator(s, generators))


# An operator that is a strategy can be left out as a whole where a graph shrinks.


@st.composite
def _input(draw: st.DrawFn, s: Sketch) -> str:
    dtype = s.one_of("int8", "int16", "float32", "int8", "int16", "float32", "int32")
    shape = draw(st.lists(SIZES, max_size=3))
    qparams = s.qparams(dtype) if dtype in ("int8", "int16") else None
    return s.input(f"x{len(s.tensors)}", *shape, qparams=qparams, dtype=dtype)


@st.composite
def add_operator(draw: st.DrawFn, s: Sketch, generators: Generators) -> None:
    """Add an operator, as likely on the last result as on any tensor."""
    computed = [name for name, tensor in s.tensors.items() if tensor.data is None]
    x = s.cut(computed[-1] if s.chance() else s.one_of(*computed))
    kind = draw(st.sampled_from([kind for kind in generators if _takes(kind, s.tensors[x])]))
    with suppress(GraphError):  # no scale of the result suits those of the operands
        generators[kind](s, kind, x)


def _takes(kind: str, x: Tensor) -> bool:
    """True if a kind has an arithmetic for a tensor; positions, which have no scale, can only be moved."""
    spec = OP_SPECS[kind]
    if x.dtype == "int32":
        return spec.moves or spec.takes_indices
    return (spec.float32 if x.is_float else spec.integer) is not None


def _outputs(s: Sketch) -> list[str]:
    """Return the last results that nothing reads, and perhaps one that is read; ordinary inputs leave them finite."""
    finite = finite_outputs(s.finished(*s.results)) if s.results else []
    finite = finite or [s.reshape("x0", s.tensors["x0"].size)]
    last = [name for name in finite if not s.is_read(name)][:_MOST_OUTPUTS]
    other = s.one_of(*finite)
    return [*last, other] if other not in last and (s.chance() or not last) else last


def finite_outputs(graph: Graph) -> list[str]:
    """Return the outputs that ordinary inputs leave finite, as the answers of a self-test must be."""
    inputs = extreme_samples(graph, ordinary_count(graph))
    values = interpret_frames(graph, [array[None] for array in inputs]) if graph.is_step else interpret(graph, inputs)
    return [name for name in graph.outputs if np.isfinite(values[name]).all()]
