"""Loops as the C of one step within a `for`: equal to the reference, and no longer than a step whatever the window."""

import re
from dataclasses import replace

import numpy as np
import pytest
from graph_maker import INT8, INT16, Array, GraphMaker
from graphs import every_loop, replaced, samples

from smidgen.codegen import Program, emit
from smidgen.errors import GraphError
from smidgen.ir import Graph, Tensor, check_graph, interpret
from smidgen.passes import Placement, fold, plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, HostModel, build_image, compare


def looped(steps: int, *, is_float: bool = False, reverse: bool = False, width: int = 5) -> Graph:
    """Return a graph of one loop with every part of one, frames and results at unaligned bytes for int8."""
    m = GraphMaker("looped")
    x = m.input("x", steps, width, qparams=None if is_float else INT8)
    emitted, smoothed, largest = every_loop(m, x, reverse=reverse)
    return m.graph(emitted, smoothed, largest)


def program_of(graph: Graph) -> Program:
    """Return the C of a graph, with a sample as its known answer."""
    return emit(graph, plan_memory(graph), known_inputs=[array[5] for array in samples(graph, 6)])


def mismatched_bytes(graph: Graph, inputs: list[Array], outputs: list[Array]) -> int:
    """Compare outputs with the reference's."""
    values = interpret(graph, inputs)
    return compare([values[name] for name in graph.outputs], outputs, graph.outputs).mismatched_bytes


@pytest.mark.parametrize("is_float", [False, True], ids=["integer", "float32"])
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("width", [4, 5])
def test_host_equals_reference(is_float: bool, reverse: bool, width: int) -> None:
    """Every byte of what is emitted and of the last state, frames aligned and not, in both directions."""
    graph = fold(looped(7, is_float=is_float, reverse=reverse, width=width))
    inputs = samples(graph, 20)
    assert mismatched_bytes(graph, inputs, HostModel(program_of(graph)).run(inputs)) == 0


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("is_float", [False, True], ids=["integer", "float32"])
def test_cores_equal_reference(core: str, is_float: bool) -> None:
    """A core without unaligned loads too."""
    graph = fold(looped(6, is_float=is_float))
    program, inputs = program_of(graph), samples(graph, 3)
    emulator = Emulator(build_image(program, find_target(core)), program)
    assert mismatched_bytes(graph, inputs, emulator.run(inputs)) == 0


def test_a_step_may_leave_its_operands_alone() -> None:
    """A frame, a state and a whole tensor that no operator of the body reads: silent for the compiler all the same."""
    m = GraphMaker("unread")
    x, whole = m.input("x", 5, 4), m.input("whole", 3)
    state = Tensor(name="", shape=(4,), dtype="int8", qparams=INT8)

    def step(body: GraphMaker, names: list[str]) -> tuple[list[str], list[str]]:
        frame = names[0]
        return [body.reshape(frame, 4)], [body.reshape(frame, 2, 2)]

    graph = m.graph(*m.loop([x, x], step, states=[state], whole=[whole], lasts=[0]))
    inputs = samples(graph, 8)
    assert mismatched_bytes(graph, inputs, HostModel(program_of(graph)).run(inputs)) == 0


def test_a_loop_is_its_step_repeated() -> None:
    """The reference of t steps is that of its first t - 1, and the last step from there, whatever the direction."""
    for reverse in (False, True):
        whole, shorter = looped(6, reverse=reverse), looped(5, reverse=reverse)
        (x,) = samples(whole, 8)
        part = x[:, 1:] if reverse else x[:, :5]
        expected, found = interpret(shorter, [part]), interpret(whole, [x])
        cut = slice(1, None) if reverse else slice(5)
        for name in whole.outputs[:2]:
            assert expected[name].tobytes() == np.ascontiguousarray(found[name][:, cut]).tobytes()


def test_code_does_not_grow_with_the_window() -> None:
    """The C of 30 and of 100 steps differs in numbers, and so in where lines break, alone."""
    short, long = (program_of(fold(looped(steps))).files["looped.c"].split() for steps in (30, 100))
    assert short != long
    assert re.sub(r"\d+", "0", " ".join(short)) == re.sub(r"\d+", "0", " ".join(long))


def test_a_wrong_body_is_refused() -> None:
    """A state that changes its scale from step to step, and a result that the body does not give, are named."""
    m = GraphMaker("wrong")
    x = m.input("x", 6, 4)
    state = [m.tensors[m.constant("s", 4, qparams=INT16)]]
    m.loop([x], lambda body, names: ([body.binary("add", *names, INT8)], [body.linear(names[0], 3)]), states=state)
    with pytest.raises(GraphError, match=r"loop\.0: t2 must have the type and scale of in1"):
        m.graph(next(name for name in m.tensors if m.tensors[name].shape == (6, 3)))


@pytest.mark.parametrize("attr", ["firsts", "lasts"])
def test_a_state_that_is_not_carried_is_refused(attr: str) -> None:
    """Whoever wrote the graph: the loop and the index are named."""
    graph = looped(4)
    (op,) = (op for op in graph.ops if op.kind == "loop")
    with pytest.raises(GraphError, match=rf"{op.name}: it carries 3 states, 3 is none of them"):
        check_graph(replaced(graph, op, attrs={**op.attrs, attr: (3,)}))


def test_a_body_that_overwrites_its_operands_is_refused() -> None:
    """Planted: two values of a step that live at once share a byte in the plan of the body."""
    graph = fold(looped(6))
    plan = plan_memory(graph)
    ((name, body),) = plan.bodies.items()
    inner = [tensor for tensor, place in body.placements.items() if place.region == "arena"]
    moved = {tensor: Placement(region="arena", offset=0) for tensor in inner}
    faulty = replace(plan, bodies={name: replace(body, placements={**body.placements, **moved})})
    with pytest.raises(GraphError, match=r"loop\.0\."):
        emit(graph, faulty, known_inputs=[array[5] for array in samples(graph, 6)])
