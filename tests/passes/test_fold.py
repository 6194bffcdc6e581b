"""fold removes work and never changes a byte of the outputs."""

from importlib import import_module

import numpy as np
import pytest
from drawing import graphs, layouts
from graph_maker import INT16, GraphMaker
from graphs import every_float_operator, every_integer_operator, replaced, samples
from hypothesis import given

from smidgen.ir import Graph, graph_text, interpret
from smidgen.ir.ops import OP_SPECS
from smidgen.numerics.window import Window
from smidgen.passes import fold


def assert_same_outputs(before: Graph, after: Graph) -> None:
    """Both graphs give the same bytes for the same inputs."""
    assert (before.inputs, before.outputs) == (after.inputs, after.outputs)
    inputs = samples(before, 6)
    expected, actual = interpret(before, inputs), interpret(after, inputs)
    for name in before.outputs:
        assert before[name] == after[name]
        assert expected[name].tobytes() == actual[name].tobytes(), name


def macs(graph: Graph) -> int:
    """Return the multiply-accumulates of a graph."""
    return sum(OP_SPECS[op.kind].macs(op, graph.operands(op), graph[op.output]) for op in graph.ops)


def kinds(graph: Graph) -> list[str]:
    """Return the kinds of operators in order."""
    return [op.kind for op in graph.ops]


@given(graph=graphs())
def test_random_graphs_keep_their_outputs(graph: Graph) -> None:
    """Whatever branches and outputs there are: same bytes, no more work, and nothing left to fold."""
    folded = fold(graph)
    assert_same_outputs(graph, folded)
    assert macs(folded) <= macs(graph)
    assert graph_text(fold(folded)) == graph_text(folded)


@given(graph=layouts())
def test_random_layouts_keep_their_outputs(graph: Graph) -> None:
    """Dense in transpositions, reshapes, slices and concatenations, where the rules meet each other."""
    assert_same_outputs(graph, fold(graph))


@pytest.mark.parametrize("graph", [every_integer_operator(), every_float_operator()], ids=["integer", "float32"])
def test_every_operator_keeps_its_outputs(graph: Graph) -> None:
    """In both arithmetics."""
    assert_same_outputs(graph, fold(graph))


def test_transpositions_that_cancel_vanish() -> None:
    """There and back again is nothing; two that do not cancel become one."""
    m = GraphMaker()
    x = m.input("x", 2, 3, 4)
    there_and_back = m.transpose(m.transpose(x, 1, 0, 2), 1, 0, 2)
    twice = m.transpose(m.transpose(x, 1, 2, 0), 1, 2, 0)
    folded = fold(m.graph(m.table(there_and_back), m.table(twice)))
    assert kinds(folded) == ["table", "table", "transpose"]
    assert folded.ops[-1].attrs["permutation"] == (2, 0, 1)


def test_transpositions_sink_through_functions_of_elements() -> None:
    """A stack of convolutions with functions, sums and joins between them has its transpositions at the ends alone."""
    m = GraphMaker()
    x = m.conv1d(m.transpose(m.input("x", 4, 20), 1, 0), 4, y=INT16)
    first = m.transpose(x, 1, 0)
    again = m.transpose(m.conv1d(m.transpose(m.table(first, INT16), 1, 0), 4, y=INT16), 1, 0)
    summed = m.binary("add", m.binary("add", first, again, INT16), m.constant("offsets", 4, 20), INT16)
    joined = m.concat(0, summed, summed)
    graph = m.graph(m.transpose(m.conv1d(m.transpose(joined, 1, 0), 3), 1, 0))
    folded = fold(graph)
    assert kinds(folded) == ["transpose", "conv2d", "table", "conv2d", "add", "add", "concat", "conv2d", "transpose"]
    assert_same_outputs(graph, folded)


def test_a_row_that_serves_all_rows_is_not_cut() -> None:
    """The last row of a sum with a vector is the last row plus the vector; so are truth values of a softmax."""
    m = GraphMaker()
    x, vector = m.input("x", 6, 4, qparams=INT16), m.constant("vector", 4, qparams=INT16)
    weights = m.softmax(m.binary("add", x, vector, INT16), m.steps(m.constant("row", 1, 4, qparams=INT16)))
    graph = m.graph(m.slice(weights, 0, 5, 6))
    folded = fold(graph)
    assert kinds(folded) == ["steps", "slice", "add", "softmax"]
    assert_same_outputs(graph, folded)


def test_a_product_takes_a_transposed_matrix_as_it_is() -> None:
    """a transpose(b) needs no transposition, nor does a transposition of a transposed matrix; other moves stay."""
    m = GraphMaker()
    a, b = m.input("a", 2, 3, 4, qparams=INT16), m.input("b", 2, 4, 3, qparams=INT16)
    plain, back = m.matmul(a, b), m.matmul(a, m.transpose(m.transpose(b, 0, 2, 1), 0, 2, 1))
    turned, twice = m.matmul(b, m.transpose(b, 0, 2, 1)), m.matmul(a, m.transpose(a, 0, 2, 1), transposed=False)
    graph = m.graph(plain, back, turned, twice)
    folded = fold(graph)
    assert [(op.kind, op.attrs["transposed"]) for op in folded.ops] == [("matmul", False)] * 2 + [("matmul", True)] * 2
    assert_same_outputs(graph, folded)
    other = m.graph(
        m.matmul(m.input("c", 2, 4, 2, qparams=INT16), m.transpose(m.input("d", 2, 2, 3, qparams=INT16), 1, 0, 2))
    )
    assert kinds(fold(other)) == ["transpose", "matmul"]


def test_reductions_take_transpositions_away() -> None:
    """What is gone needs no place: along either axis of a transposed image nothing is moved, unless two axes change."""
    m = GraphMaker()
    turned = m.transpose(m.input("x", 3, 4, 5), 2, 0, 1)
    graph = m.graph(m.mean(turned, 0), m.extreme("max", m.mean(m.transpose("x", 1, 2, 0), 2), 1))
    assert kinds(fold(graph)) == ["mean", "mean", "max"]
    assert_same_outputs(graph, fold(graph))
    graph = m.graph(m.argmax(m.transpose("x", 2, 0, 1), 1))
    assert kinds(fold(graph)) == ["argmax", "transpose"]
    assert_same_outputs(graph, fold(graph))


def test_a_transposition_of_axes_of_one_is_a_reshape() -> None:
    """Where no element moves, none is moved."""
    m = GraphMaker()
    folded = fold(m.graph(m.transpose(m.input("x", 1, 3, 1), 1, 2, 0)))
    assert kinds(folded) == ["reshape"]


def test_identities_vanish_but_a_copy_to_an_output_stays() -> None:
    """A reshape to the same shape and a slice of everything cost nothing, unless an input is the output."""
    m = GraphMaker()
    x = m.input("x", 2, 3)
    whole = m.slice(m.reshape(m.table(x), 2, 3), 0, 0, 2)
    folded = fold(m.graph(m.transpose(whole, 0, 1), m.reshape(x, 2, 3)))
    assert kinds(folded) == ["table", "reshape"]


def test_the_rows_that_padding_on_the_right_makes_are_not_computed() -> None:
    """A convolution padded on both sides and cut to its causal half loses its padding on the right."""
    m = GraphMaker()
    graph = m.graph(m.slice(m.conv1d(m.input("x", 20, 4), 6, taps=4, pad=(3, 3)), 0, 0, 20))
    folded = fold(graph)
    assert kinds(folded) == ["conv2d"]
    assert (folded.ops[0].attrs["pad_before"], folded.ops[0].attrs["pad_after"]) == ((3, 0), (0, 0))
    assert_same_outputs(graph, folded)


def test_the_columns_that_padding_makes_are_not_computed_either() -> None:
    """A pooling that reaches beyond the right of an image and is cut there."""
    m = GraphMaker()
    pooled = m.max_pool(m.input("x", 6, 5, 2), Window(size=(1, 3), stride=(1, 2), pad_after=(0, 2)))
    graph = m.graph(m.slice(pooled, 1, 0, 2))
    folded = fold(graph)
    assert kinds(folded) == ["max_pool"]
    assert folded.ops[0].attrs["pad_after"] == (0, 0)
    assert_same_outputs(graph, folded)


def test_a_cut_that_needs_more_than_the_padding_stays() -> None:
    """Rows that hold data are cut after the convolution."""
    m = GraphMaker()
    graph = m.graph(m.slice(m.conv1d(m.input("x", 20, 4), 6, taps=4, pad=(3, 3)), 0, 0, 19))
    assert kinds(fold(graph)) == ["conv2d", "slice"]


def test_rows_that_nobody_reads_are_not_computed() -> None:
    """A head on every step of which the last is taken becomes a head on the last step: 20 times less work."""
    m = GraphMaker()
    x = m.input("x", 20, 8)
    summed = m.binary("add", x, m.constant("positions", 20, 8), INT16)
    head = m.linear(m.norm("layer_norm", summed), 5)
    graph = m.graph(m.reshape(m.slice(head, 0, 19, 20), 5))
    folded = fold(graph)
    assert kinds(folded) == ["slice", "add", "layer_norm", "linear", "reshape"]
    assert macs(graph) == 20 * macs(folded)
    assert_same_outputs(graph, folded)


def test_rows_that_somebody_else_reads_stay() -> None:
    """An operator with a second reader, or whose result leaves the graph, is computed whole."""
    m = GraphMaker()
    head = m.linear(m.input("x", 20, 8), 5)
    last, pooled = m.slice(head, 0, 19, 20), m.mean(head, 0)
    assert kinds(fold(m.graph(last, pooled))) == ["linear", "slice", "mean"]
    assert kinds(fold(m.graph(last, head))) == ["linear", "slice"]


def test_a_slice_through_residuals_keeps_every_name_apart() -> None:
    """Sums in a row, each operand sliced in its turn: no operator and no tensor is written twice."""
    m = GraphMaker()
    parts = [m.table(m.input(f"x{i}", 6, 4), INT16) for i in range(4)]
    total = parts[0]
    for part in parts[1:]:
        total = m.binary("add", total, part, INT16)
    graph = m.graph(m.slice(total, 0, 5, 6))
    folded = fold(graph)
    assert kinds(folded).count("slice") == 4
    assert_same_outputs(graph, folded)


def test_a_slice_of_a_sum_with_itself_is_taken_once() -> None:
    """x + x needs one slice of x."""
    m = GraphMaker()
    x = m.table(m.input("x", 6, 4))
    graph = m.graph(m.slice(m.binary("add", x, x), 0, 2, 4))
    folded = fold(graph)
    assert kinds(folded) == ["slice", "table", "add"]
    assert_same_outputs(graph, folded)


def test_what_no_output_needs_is_dropped() -> None:
    """Dead operators and their tensors go; an input that nothing reads stays part of the signature."""
    m = GraphMaker()
    x, unused = m.input("x", 4, 4), m.input("unused", 4)
    kept = m.table(x)
    m.linear(m.table(unused), 3)
    folded = fold(m.graph(kept))
    assert kinds(folded) == ["table"]
    assert folded.inputs == ("x", "unused")
    assert set(folded.tensors) == {"x", "unused", kept}


def test_a_fault_in_a_rule_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a rule that composes two transpositions in the wrong order gives other bytes; the true one does not."""

    def composed_backwards(graph, op):
        source = graph.producer(op.inputs[0]) if op.kind == "transpose" else None
        if source is None or source.kind != "transpose":
            return None
        order = tuple(op.attrs["permutation"][axis] for axis in source.attrs["permutation"])
        return replaced(graph, op, inputs=source.inputs, attrs={"permutation": order})

    m = GraphMaker()
    graph = m.graph(m.table(m.transpose(m.transpose(m.input("x", 3, 3, 3), 1, 0, 2), 0, 2, 1)))
    inputs, name = samples(graph, 6), graph.outputs[0]
    expected = interpret(graph, inputs)[name]
    assert np.array_equal(interpret(fold(graph), inputs)[name], expected)
    monkeypatch.setattr(import_module("smidgen.passes.fold"), "_RULES", (composed_backwards,))
    assert np.any(interpret(fold(graph), inputs)[name] != expected)
