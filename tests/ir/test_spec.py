"""check_graph lets legal graphs pass and refuses every illegal one with the operator's name."""

from dataclasses import replace

import pytest
from drawing import graphs
from graph_maker import INT16, SYMMETRIC, GraphMaker
from graphs import every_step_operator, replaced
from hypothesis import given
from illegal_declarations import ATTRIBUTES, PARAMETERS, STRUCTURE, TYPES
from illegal_shapes import SHAPES
from illegal_sums import BOUNDS
from planted_faults import FLOATS, INTEGERS, STEPS, with_tensor

from smidgen.errors import GraphError
from smidgen.ir import Graph, check_graph
from smidgen.ir.ops import OP_SPECS
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN

ALL = {
    f"{chapter}: {case}": fault
    for chapter, faults in {
        "structure": STRUCTURE, "types": TYPES, "attributes": ATTRIBUTES, "parameters": PARAMETERS, "shapes": SHAPES,
        "bounds": BOUNDS,
    }.items()
    for case, fault in faults.items()
}  # fmt: skip


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
