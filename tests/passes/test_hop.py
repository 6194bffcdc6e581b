"""A window that runs every few frames gives the bytes of the window, whatever it looks at."""

import numpy as np
import pytest
from graph_maker import INT16, Array, GraphMaker
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.codegen import emit
from smidgen.errors import ConfigError, StreamingError
from smidgen.ir import Clock, Graph, interpret, interpret_frames
from smidgen.passes import HoppingGraph, fold, plan_memory
from smidgen.verification import HostModel

STEPS = 6
AXES = {"x": 0, "late": 1}


def looking_around(*, is_float: bool = False) -> Graph:
    """A window with a convolution that looks ahead, all steps in one row, and an input with time last."""
    m = GraphMaker("around")
    y = None if is_float else INT16
    x, late = m.input("x", STEPS, 3, qparams=y), m.input("late", 2, STEPS, qparams=y)
    joined = m.concat(1, m.conv1d(x, 4, taps=3, pad=(1, 1), y=y), m.transpose(late, 1, 0))
    return fold(m.graph(m.linear(m.reshape(joined, STEPS * 6), 5, y), m.linear(joined, 2, y)))


def recordings(frames: int, dtype: str) -> list[Array]:
    """Return two recordings for both inputs."""
    random = np.random.default_rng(frames)
    shapes = ((2, frames, 3), (2, 2, frames))
    if dtype == "float32":
        return [random.normal(size=shape).astype(np.float32) for shape in shapes]
    return [random.integers(-32767, 32768, shape).astype(dtype) for shape in shapes]


@settings(max_examples=20)
@given(hop=st.integers(1, 2 * STEPS), frames=st.integers(STEPS, 40), is_float=st.booleans())
def test_every_answer_is_the_window_of_its_frames(hop: int, frames: int, is_float: bool) -> None:
    """The first when the window is full, then one every `hop` frames, also where hops leave frames out."""
    window = looking_around(is_float=is_float)
    graph = HoppingGraph(window, AXES, hop)
    assert graph.output_clock == Clock(stride=hop, offset=STEPS - 1)
    x, late = recordings(frames, "float32" if is_float else "int16")
    answers = interpret_frames(graph.step, graph.frames([x, late]))
    starts = range(0, frames - STEPS + 1, hop)
    for name in window.outputs:
        assert answers[name].shape[1] == len(starts)
    for j, start in enumerate(starts):
        values = interpret(window, [x[:, start : start + STEPS], late[:, :, start : start + STEPS]])
        for name in window.outputs:
            assert values[name].tobytes() == np.ascontiguousarray(answers[name][:, j]).tobytes()
    expected = graph.expected([x, late], frames)
    for name, found in graph.joined(answers).items():
        np.testing.assert_array_equal(expected[name], graph.part(name, found, frames))


@pytest.mark.parametrize("is_float", [False, True], ids=["integer", "float32"])
def test_the_c_hops_too(is_float: bool) -> None:
    """Pending between the answers; the frames are kept once, in the state, where the window reads them."""
    graph = HoppingGraph(looking_around(is_float=is_float), AXES, 4)
    plan = plan_memory(graph.step)
    assert plan.state_bytes == STEPS * (3 + 2) * (4 if is_float else 2)
    frames = graph.frames(recordings(30, "float32" if is_float else "int16"))
    answers = interpret_frames(graph.step, frames)
    first = [np.ascontiguousarray(array[0]) for array in frames]
    model = HostModel(emit(graph.step, plan, known_inputs=[array[: STEPS + 4] for array in first]))
    for name, found in zip(graph.step.outputs, model.run(first), strict=True):
        assert answers[name][0].tobytes() == found.tobytes()
    assert model.selftest() == 0


def test_what_cannot_hop_is_refused() -> None:
    """A hop of no frame, an input without frames."""
    with pytest.raises(ConfigError, match="hop must be at least 1 frame, got 0"):
        HoppingGraph(looking_around(), AXES, 0)
    with pytest.raises(StreamingError, match=r"input late \(2, 6\) has no axis of time"):
        HoppingGraph(looking_around(), {"x": 0, "late": None}, 3)
