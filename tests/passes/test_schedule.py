"""A schedule computes the same with the fewest bytes alive, and leaves an order that is as good as any as it stands."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from drawing import graphs
from graph_maker import GraphMaker
from graphs import every_float_operator, every_integer_operator, samples
from hypothesis import given

from smidgen.ir import Graph, interpret
from smidgen.ir.spec import check_graph
from smidgen.passes import fold, plan_memory, schedule


def orders(graph: Graph) -> Iterator[Graph]:
    """Yield the graph with its ops in every legal order."""

    def legal(done: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(done) == len(graph.ops):
            yield done
        written = {name for index in done for name in graph.ops[index].outputs}
        for index, op in enumerate(graph.ops):
            needs = {name for name in op.inputs if graph.producer(name) is not None}
            if index not in done and needs <= written:
                yield from legal((*done, index))

    for order in legal(()):
        yield replace(graph, ops=tuple(graph.ops[index] for index in order))


def two_wide_branches() -> Graph:
    """Return a graph written so that both wide tensors are alive at once, which they need not be."""
    m = GraphMaker()
    return m.graph(branches(m, m.input("x", 4, 8)))


def branches(m: GraphMaker, x: str) -> str:
    """Add both branches and their sum behind x (4, 8)."""
    wide = [m.linear(x, 64) for _ in range(2)]
    narrow = [m.linear(each, 4) for each in wide]
    return m.linear(m.binary("add", *narrow), 2)


@given(graph=graphs())
def test_no_order_has_fewer_live_bytes(graph: Graph) -> None:
    """Tried in full for graphs of up to seven ops; larger ones are no worse than they were. Outputs are the same."""
    graph = fold(graph)
    found = schedule(graph)
    check_graph(found)
    peak = plan_memory(found).lower_bound_bytes
    assert peak <= plan_memory(graph).lower_bound_bytes
    if len(graph.ops) <= 7:
        assert peak == min(plan_memory(order).lower_bound_bytes for order in orders(graph))
    inputs = samples(graph, 4)
    expected, values = interpret(graph, inputs), interpret(found, inputs)
    assert all(expected[name].tobytes() == values[name].tobytes() for name in graph.outputs)


def test_branches_run_one_behind_the_other() -> None:
    """One wide tensor, what it becomes, and the operand's two rows in 16 bits; not both wide ones."""
    graph = two_wide_branches()
    assert [op.name for op in schedule(graph).ops] == [
        "linear.0",
        "linear.2",
        "linear.1",
        "linear.3",
        "add.4",
        "linear.5",
    ]
    wide, narrow, widened = 4 * 64, 4 * 4, 2 * 64 * 2
    assert plan_memory(graph).lower_bound_bytes == 2 * wide + narrow + widened
    assert plan_memory(schedule(graph)).lower_bound_bytes == wide + 2 * narrow + widened


def test_an_order_that_is_as_good_as_any_stays() -> None:
    """A chain, and branches already one behind the other."""
    m = GraphMaker()
    chain = m.graph(m.linear(m.table(m.linear(m.input("x", 4, 8), 16)), 2))
    for graph in (chain, schedule(two_wide_branches())):
        assert schedule(graph) == graph


@pytest.mark.parametrize("graph", [every_integer_operator(), every_float_operator()], ids=["integer", "float32"])
def test_every_operator_reaches_the_lower_bound(graph: Graph) -> None:
    """Eighty operators in one graph: the arena is the most bytes that are alive at once, and there is no gap."""
    plan = plan_memory(schedule(fold(graph)))
    assert plan.arena_bytes == plan.lower_bound_bytes
    assert plan.gap == ""


def test_the_body_of_a_loop_is_scheduled() -> None:
    """Its arena is scratch of the loop: branches that need not be wide at once are not, and it computes the same."""
    m = GraphMaker("looped")

    def step(body: GraphMaker, names: list[str]) -> tuple[list[str], list[str]]:
        return [], [branches(body, names[0])]

    graph = m.graph(*m.loop([m.input("x", 5, 4, 8)], step, states=[]))
    found = schedule(graph)
    assert plan_memory(found).arena_bytes < plan_memory(graph).arena_bytes
    inputs = samples(graph, 3)
    (output,) = graph.outputs
    assert interpret(graph, inputs)[output].tobytes() == interpret(found, inputs)[output].tobytes()
