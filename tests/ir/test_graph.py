"""Look-ups on a graph."""

from dataclasses import replace

import pytest
from graph_maker import GraphMaker
from graphs import every_integer_operator

from smidgen.errors import GraphError


def test_look_ups_follow_the_edges() -> None:
    """Producer, consumers and operands agree with each other for every tensor of a graph."""
    graph = every_integer_operator()
    for op in graph.ops:
        assert graph.producer(op.output) is op
        assert tuple(tensor.name for tensor in graph.operands(op)) == op.inputs
        for name in op.inputs:
            assert op in graph.consumers(name)
    assert graph.producer("x") is None
    with pytest.raises(GraphError, match="graph integers has no tensor 'nowhere'"):
        graph["nowhere"]


def test_with_ops_drops_what_nothing_uses() -> None:
    """Tensors of removed operators go, inputs and outputs stay."""
    m = GraphMaker()
    x = m.input("x", 4)
    first, second = m.table(x), m.table(x)
    graph = m.graph(first, second)
    smaller = replace(graph, outputs=(first,)).with_ops(graph.ops[:1])
    assert set(smaller.tensors) == {"x", first}


def test_shared_arrays_count_once() -> None:
    """Two operators with the same table cost one table of flash."""
    m = GraphMaker()
    x = m.input("x", 4)
    assert m.graph(m.table(x), m.table(x)).parameter_bytes == 256


def test_sizes_follow_shape_and_type() -> None:
    """A scalar has one element; bytes follow the type."""
    m = GraphMaker()
    graph = m.graph(m.argmax(m.input("x", 4), 0), m.rescale("x", m.tensors["x"].qparams))  # type: ignore[arg-type]
    assert [(graph[name].size, graph[name].n_bytes) for name in ("x", *graph.outputs)] == [(4, 4), (1, 4), (4, 4)]
