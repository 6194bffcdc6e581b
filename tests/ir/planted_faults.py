"""How a legal graph of every operator is made illegal: one attribute, parameter, tensor or operator changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from graph_maker import TRUTH, GraphMaker
from graphs import every_float_operator, every_integer_operator, every_step_operator, replaced

from smidgen.ir import Graph, Op

#: Makes another graph of a legal one.
Spoil = Callable[[Graph], Graph]
#: By case: the fault, and what the error says.
Faults = dict[str, tuple[Spoil, str]]

INTEGERS = every_integer_operator()
STEPS = every_step_operator()
FLOATS = every_float_operator()


def first(graph: Graph, kind: str) -> Op:
    """Return the first operator of a kind."""
    return next(op for op in graph.ops if op.kind == kind)


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


def with_codes(op: Op, role: str, change: Callable[[Any], Any]) -> Spoil:
    """Change a parameter of a linear layer of 4-bit codes."""
    return lambda g: replaced(g, op, params={**op.params, role: change(op.params[role])})


LINEAR, CONV, SCAN = (first(INTEGERS, kind) for kind in ("linear", "conv2d", "selective_scan"))
GRU, LSTM = (first(INTEGERS, kind) for kind in ("gru", "lstm"))
INT4, PALETTE = (op for op in INTEGERS.ops if "packed" in op.params)
RECURRED = first(INTEGERS, "linear_attention")
ATTENTION, ROTARY, ARGMAX, SLICE = (first(INTEGERS, kind) for kind in ("attention", "rotary", "argmax", "slice"))


def unchecked(maker: GraphMaker, result: str, **attrs: int) -> Graph:
    """Return a graph whose last operator has other attributes."""
    graph = maker.graph(result)
    last = graph.ops[-1]
    return replaced(graph, last, attrs={**last.attrs, **attrs})


def masked_softmax() -> Graph:
    """Return a softmax of which a second operand tells what counts."""
    m = GraphMaker()
    x, seen = m.input("x", 6, 4), m.input("seen", 6, 4, qparams=TRUTH)
    return m.graph(m.softmax(x, seen))
