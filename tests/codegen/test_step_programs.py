"""Programs that take frame after frame: states that last, clocks, limits, and a self-test of several frames."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from graph_maker import Array, GraphMaker
from graphs import every_step_operator, samples

from smidgen.codegen import Program, emit
from smidgen.errors import DataError, FirmwareFault, GraphError
from smidgen.ir import Clock, Graph, Stepper, check_graph, interpret_frames
from smidgen.passes import Placement, check_plan, plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, HostModel, TracedHostModel, build_image, compare, run_isolated

EVERY_THIRD = Clock(stride=3, offset=2)
GRAPHS = {"integer": every_step_operator(), "float32": every_step_operator("floats", is_float=True)}

both = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)


def program_of(graph: Graph, n_known: int = 6) -> Program:
    """Return the C of a step graph, its first frames as the known answer."""
    return emit(graph, plan_memory(graph), known_inputs=samples(graph, n_known))


def mismatched_bytes(graph: Graph, run: Callable[[list[Array]], list[Array]], n: int) -> int:
    """Compare what `run` makes of `n` frames with the reference."""
    frames = samples(graph, n, seed=3)
    answers = interpret_frames(graph, [values[None] for values in frames])
    return compare([answers[name][0] for name in graph.outputs], run(frames), graph.outputs).mismatched_bytes


@both
def test_steps_equal_the_reference_on_the_host(graph: Graph) -> None:
    """Every byte over 200 frames, from a context that held other bytes before; run twice, it begins again."""
    program = program_of(graph)
    model = HostModel(program)
    assert mismatched_bytes(graph, model.run, 200) == 0
    assert mismatched_bytes(graph, model.run, 50) == 0
    assert mismatched_bytes(graph, lambda frames: run_isolated(program, frames), 50) == 0
    assert model.selftest() == 0


@both
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m0plus"])
def test_steps_equal_the_reference_on_emulated_cores(graph: Graph, core: str) -> None:
    """The same bytes there, with the self-test; what it costs counts the state and the dearest of the frames."""
    program = program_of(graph)
    emulator = Emulator(build_image(program, find_target(core)), program)
    assert mismatched_bytes(graph, emulator.run, 12) == 0
    assert emulator.selftest() == 0
    measurement = emulator.measure(samples(graph, 7))
    assert measurement.state_bytes == program.state_bytes
    assert measurement.context_bytes >= measurement.state_bytes + measurement.arena_bytes
    assert measurement.instructions > measurement.instructions_min  # the head runs at some frames only


def test_every_layer_of_a_step_is_seen_with_its_bytes() -> None:
    """A trace of frames shows the layers at the last of them, on the host and on a core; it must give an output."""
    graph = GRAPHS["integer"]
    program = program_of(graph)
    frames = samples(graph, 6)
    stepper = Stepper(graph, 1)
    for i in range(6):
        values = stepper.step([values[i : i + 1] for values in frames])
    expected = {
        layer.result.tensor: values[layer.result.tensor][0].tobytes() for layer in program.layers if layer.result
    }
    tracers = (TracedHostModel(program), Emulator(build_image(program, find_target("cortex-m4")), program))
    for tracer in tracers:
        assert tracer.trace(frames) == expected
        with pytest.raises(DataError, match="a trace follows a sample that gives outputs; the last of 5 gives none"):
            tracer.trace([values[:5] for values in frames])


def test_states_are_placed_apart_and_counted() -> None:
    """Recent frames 8 bytes, history 16 and a word, row a word, scan 12 halves and a word, sum 4 words, extremes
    4 halves each, mean 5 words, recurrent attention 8 words, attention two times 5 * 2 bytes and a word, GRU, LSTM and
    RNN 4, 8 and 4 halves, the loop three states of 4; none is in the arena. The counter of frames takes one more word.
    """
    graph = GRAPHS["integer"]
    plan = plan_memory(graph)
    running = 4 * 4 + 2 * 8 + 4 * 5
    assert plan.state_bytes == 8 + (16 + 4) + 4 + (2 * 12 + 4) + running + 4 * 8 + (12 + 12 + 4) + 2 * (4 + 8 + 4 + 12)
    assert program_of(graph).state_bytes == plan.state_bytes + 4
    assert {place.region for places in plan.states.values() for place in places.values()} == {"state"}
    scan, gru = (next(op.name for op in graph.ops if op.kind == kind) for kind in ("selective_scan", "gru"))
    overlapping = replace(plan, states={**plan.states, gru: {"hidden": plan.states[scan]["state"]}})
    with pytest.raises(GraphError, match=r"the bytes of selective_scan\.\d+, state state are not at state \[32, 56\)"):
        emit(graph, overlapping, known_inputs=samples(graph, 6))


def test_a_result_may_stand_in_a_state() -> None:
    """The recent frames are read where they are kept; a plan that says otherwise, or a window, is refused."""
    graph = GRAPHS["integer"]
    plan = plan_memory(graph)
    recent = next(op for op in graph.ops if op.kind == "recent")
    assert plan.placements[recent.output] == plan.states[recent.name]["frames"]
    elsewhere = replace(plan, placements={**plan.placements, recent.output: Placement(region="arena", offset=0)})
    with pytest.raises(GraphError, match=rf"the bytes of {recent.name}, state frames are not at state \[0, 8\)"):
        check_plan(graph, elsewhere)
    m = GraphMaker()
    with pytest.raises(GraphError, match=r"recent\.0: its result is a state, which only a step graph keeps"):
        m.graph(m.recent(m.input("x", 1, 4), 3))


def test_a_state_that_is_not_reset_is_caught() -> None:
    """Planted: without its first statement, reset leaves the history as it was."""
    graph = GRAPHS["integer"]
    program = program_of(graph)
    source = program.files["steps.c"]
    reset = source.index("fill_q(arena_s8(state, 8U), 16U, 3, 8U);")
    faulty = source[:reset] + source[source.index("\n", reset) :]
    model = HostModel(replace(program, files={**program.files, "steps.c": faulty}))
    assert mismatched_bytes(graph, model.run, 50) > 0
    assert model.selftest() == 3


def test_a_clock_that_runs_ahead_is_caught() -> None:
    """Planted: an answer at the second frame instead of the third is a fault, whatever its bytes are."""
    program = program_of(GRAPHS["integer"])
    source = program.files["steps.c"].replace("frame >= 2U) && (((frame - 2U)", "frame >= 1U) && (((frame - 1U)")
    model = HostModel(replace(program, files={**program.files, "steps.c": source}))
    with pytest.raises(FirmwareFault, match="steps_step returned status 0 on the host at sample 1, expected 4 for no"):
        model.run(samples(GRAPHS["integer"], 9))


def test_a_recording_longer_than_the_limit_is_refused() -> None:
    """The reference and the C stop at the same frame, and take the next recording after a reset."""
    graph = replace(GRAPHS["integer"], frame_limit=9)
    model = HostModel(program_of(graph))
    assert mismatched_bytes(graph, model.run, 9) == 0
    with pytest.raises(FirmwareFault, match="steps_step returned status 5 on the host at sample 9"):
        model.run(samples(graph, 10))
    with pytest.raises(GraphError, match="graph steps takes 9 frames from reset at most"):
        interpret_frames(graph, [values[None] for values in samples(graph, 10)])


def test_a_stepper_keeps_recordings_apart() -> None:
    """A batch of recordings gives what each gives alone."""
    graph = GRAPHS["integer"]
    recordings = np.stack([samples(graph, 7, seed=seed)[0] for seed in range(3)])
    together = interpret_frames(graph, [recordings])
    for i, recording in enumerate(recordings):
        alone = interpret_frames(graph, [recording[None]])
        for name in graph.outputs:
            np.testing.assert_array_equal(alone[name][0], together[name][i])
    stepper = Stepper(graph, 1)
    assert graph.outputs[0] not in stepper.step([recordings[:1, 0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"is_step": False}, "clocks and a frame limit belong to a step graph"),
        ({"frame_limit": 0}, "a recording must have at least one frame, not 0"),
        ({"frame_limit": 1}, "never answers: its outputs come every 3 frames from frame 2 on, and it must stop after"),
        (
            {"outputs": tuple(op.output for op in GRAPHS["integer"].ops[-2:])},
            "outputs come each frame and every 3 frames from frame 2 on; they need one clock",
        ),
    ],
)
def test_clocks_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    """A window has no clocks; all outputs of a step come together."""
    with pytest.raises(GraphError, match=message):
        check_graph(replace(GRAPHS["integer"], **change))


def test_an_operand_that_is_not_there_yet_is_refused() -> None:
    """An op of every frame cannot read what comes at every third."""
    graph = GRAPHS["integer"]
    ops = tuple(replace(op, clock=EVERY_THIRD if op.kind == "gru" else Clock()) for op in graph.ops)
    with pytest.raises(GraphError, match=r"runs each frame, its operand t\d+ is there every 3 frames from frame 2 on"):
        check_graph(replace(graph, ops=ops))


def test_a_table_that_is_too_short_is_refused() -> None:
    """The graph's limit must stop it before the first row that is not there."""
    message = (
        r"stored_row\.\d+ takes 200 elements from reset at most, so the graph must stop after 200 frames; its limit"
    )
    for limit in (None, 201):
        with pytest.raises(GraphError, match=f"{message} is {limit or 'none'}"):
            check_graph(replace(GRAPHS["integer"], frame_limit=limit))
