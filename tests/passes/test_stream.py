"""n steps from reset equal the graph at length n, byte for byte; what looks ahead is refused by name."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from causal_graphs import (
    STEPS,
    assert_steps_equal_windows,
    causal,
    causal_graphs,
    recording,
)
from drawing.causal_windows import causal_windows
from graph_maker import INT8, INT16, SYMMETRIC, Array, GraphMaker
from graphs import every_loop, relative_bias, samples
from hypothesis import given, seed, settings
from random_programs import QUIET, drawn

from smidgen.codegen import emit
from smidgen.errors import StreamingError
from smidgen.ir import Clock, Graph, interpret
from smidgen.numerics.window import Window
from smidgen.passes import CausalGraph, fold, plan_memory
from smidgen.passes.along_time import TIME_RULES, layout
from smidgen.passes.shift import cut_after_padding
from smidgen.verification import HostModel

EVERY_LENGTH = range(1, 2 * STEPS)
SOME_LENGTHS = range(1, 2 * STEPS, 3)


def on_the_host(graph: CausalGraph, inputs: list[Array]) -> dict[str, Array]:
    """Return what the C of the step graph answers to one recording."""
    frames = [np.ascontiguousarray(array[0]) for array in graph.frames(inputs)]
    program = emit(graph.step, plan_memory(graph.step), known_inputs=[array[:3] for array in frames])
    outputs = HostModel(program).run(frames)
    return {name: values[None] for name, values in zip(graph.step.outputs, outputs, strict=True)}


def looped(reverse: bool = False) -> Graph:
    m = GraphMaker("looped")
    x = m.input("x", STEPS, 4, qparams=INT16)
    emitted, smoothed, _ = every_loop(m, m.conv1d(x, 4, y=INT16), reverse=reverse)
    return m.graph(m.binary("add", m.linear(emitted, 4, INT16), smoothed, INT16), m.linear(smoothed, 2))


def test_loops_stream() -> None:
    """What a loop emits, from constant and zero states, is a step's for a step, in the reference and in C."""
    stream = causal(looped())
    assert_steps_equal_windows(stream, EVERY_LENGTH)
    assert_steps_equal_windows(stream, EVERY_LENGTH, run=on_the_host)


def test_loops_from_the_end_look_ahead() -> None:
    """A loop that runs backwards is refused by name."""
    with pytest.raises(StreamingError, match=r"loop\.1 \(loop\) runs from the last step to the first"):
        causal(looped(reverse=True))


def shifted(by: int, fill: float, *, is_float: bool = False, joined: bool = False) -> Graph:
    """x beside itself `by` steps ago: the end cut off, then padded in front or joined to a constant."""
    qparams = None if is_float else INT16
    m = GraphMaker("shifted")
    x = m.input("x", STEPS, 4, qparams=qparams)
    cut = m.slice(x, 0, 0, STEPS - by)
    before = m.concat(0, m.constant("before", by, 4, qparams=qparams), cut) if joined else m.pad(cut, 0, by, 0, fill)
    if joined:
        data = m.tensors["before"].data
        assert data is not None
        data[...] = fill
    return m.graph(m.binary("add", x, before, qparams))


@pytest.mark.parametrize("by", [1, 3])
@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("is_float", [False, True])
def test_shifts_stream(by: int, joined: bool, is_float: bool) -> None:
    """A token's mix with an earlier one, in both spellings; what stands in front comes first."""
    stream = causal(shifted(by, 3.0 if is_float else 3, is_float=is_float, joined=joined))
    assert_steps_equal_windows(stream, EVERY_LENGTH)
    assert_steps_equal_windows(stream, EVERY_LENGTH, run=on_the_host)


def test_a_shift_that_others_read_too_stays_for_them() -> None:
    """The part without an end is padded for one reader and summed for another."""
    m = GraphMaker("shifted")
    x = m.input("x", STEPS, 4, qparams=INT16)
    cut = m.slice(x, 0, 0, STEPS - 1)
    graph = m.graph(m.binary("add", x, m.pad(cut, 0, 1, 0, 0), INT16))
    assert [op.kind for op in cut_after_padding(graph).ops] == ["pad", "slice", "add"]
    both = replace(graph, outputs=(*graph.outputs, cut))
    assert [op.kind for op in cut_after_padding(both).ops] == ["slice", "pad", "slice", "add"]
    values, same = interpret(both, samples(both)), interpret(cut_after_padding(both), samples(both))
    for name in both.outputs:
        assert values[name].tobytes() == same[name].tobytes()


def test_learned_steps_in_front_of_a_shift_are_refused() -> None:
    """What a step begins with is one value so far."""
    m = GraphMaker("shifted")
    x = m.input("x", STEPS, 4, qparams=INT16)
    before = m.concat(0, m.constant("before", 1, 4, qparams=INT16), m.slice(x, 0, 0, STEPS - 1))
    with pytest.raises(
        StreamingError, match=r"behind what stands in front of the first, 1 step .*; put one value in front"
    ):
        causal(m.graph(m.binary("add", x, before, INT16)))


# ---- equality --------------------------------------------------------------------------------------------------------


@settings(max_examples=25)
@given(graph=causal_graphs())
def test_steps_equal_windows_in_integers(graph: Graph) -> None:
    """Random chains of causal layers, at every length from the first output to twice the compiled one."""
    assert_steps_equal_windows(causal(graph), EVERY_LENGTH)


@settings(max_examples=10)
@given(graph=causal_graphs(is_float=True))
def test_steps_equal_windows_in_float32(graph: Graph) -> None:
    """The same bits too, since sums run in one order in both forms."""
    assert_steps_equal_windows(causal(graph), EVERY_LENGTH)


@seed(0)
@settings(QUIET, max_examples=60)
@given(graph=causal_windows())
def test_whatever_streams_steps_as_its_windows(graph: Graph) -> None:
    """Operators of every kind, at random, as far as the pass takes them: it never takes one that looks ahead."""
    assert_steps_equal_windows(causal(graph), SOME_LENGTHS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(1, 6))
def test_two_thousand_that_stream_step_as_their_windows(part: int) -> None:
    """The same claim over 2,000 graphs."""
    for graph in drawn(causal_windows(), 400, seed=part):
        assert_steps_equal_windows(causal(graph), SOME_LENGTHS)


@pytest.mark.parametrize("kind", TIME_RULES)
def test_what_streams_is_of_every_kind(kind: str) -> None:
    """Every kind with a rule along time is among what is drawn."""
    batches = (drawn(causal_windows(kinds=["reshape", kind]), 8, seed=batch) for batch in range(10))
    assert any(op.kind == kind for batch in batches for graph in batch for op in graph.ops)


@settings(max_examples=20)
@given(graph=causal_graphs())
def test_the_compiled_length_is_the_window(graph: Graph) -> None:
    """At the length that was compiled, the graph gives the bytes of the window that is delivered."""
    stream, inputs = causal(graph), recording(graph, STEPS)
    if stream.output_clock.offset < STEPS:
        values = interpret(fold(graph), inputs)
        for name, found in stream.expected(inputs, STEPS).items():
            np.testing.assert_array_equal(values[name], found)


def everything(*, is_float: bool = False) -> Graph:
    """A window with every causal operator, strides and delays, on two inputs."""
    m = GraphMaker("everything")
    y, wide = (None, None) if is_float else (INT8, INT16)
    x = m.concat(1, m.input("x", STEPS, 3, qparams=y), m.input("other", STEPS, 2, qparams=y))
    h = m.binary("add", m.conv1d(x, 4, taps=3, pad=(4, 0), dilation=2, y=y), m.constant("p", STEPS, 4, qparams=y), wide)
    h = m.binary("add", m.slice(h, 0, 1, STEPS), m.slice(h, 0, 0, STEPS - 1), wide)
    h = m.recurrent("gru", m.linear(m.conv1d(h, 4, taps=3, pad=(1, 0), stride=2, y=y), 12, wide))
    projected = m.linear(h, 16, wide)
    h = m.recurrent("lstm", projected, first=True, last_cell=True)
    steps = m.tensors[h].shape[0]
    last = m.reshape(m.slice(h, 0, steps - 1, steps), 4)
    scores = m.linear(m.binary("add", last, m.mean(h, 0, wide), wide), 3, wide)
    return m.graph(scores, last, f"{projected}_cell")


@pytest.mark.parametrize("is_float", [False, True], ids=["integer", "float32"])
def test_steps_on_the_host_equal_windows(is_float: bool) -> None:
    """The C too, at several lengths; every second frame gives an answer, the first at the third frame."""
    graph = causal(everything(is_float=is_float))
    assert graph.output_clock == Clock(stride=2, offset=2)
    assert graph.frame_limit == STEPS  # the table of positions
    assert_steps_equal_windows(graph, range(3, STEPS + 1), on_the_host)


@settings(max_examples=4)
@given(graph=causal_graphs())
def test_random_steps_on_the_host_equal_windows(graph: Graph) -> None:
    """The C of random chains, over a recording longer than the window."""
    assert_steps_equal_windows(causal(graph), EVERY_LENGTH, on_the_host)


def test_ram_does_not_depend_on_the_window() -> None:
    """The step of a window of 20 steps is that of one of 2,000, state and arena included."""
    steps = []
    for length in (20, 2000):
        m = GraphMaker()
        h = m.conv1d(m.input("x", length, 4), 4, taps=4, pad=(3, 0))
        h = m.recurrent("gru", m.linear(h, 12, INT16))
        steps.append(causal(m.graph(m.linear(m.reshape(m.slice(h, 0, length - 1, length), 4), 3))).step)
    short, long = (emit(step, plan_memory(step), known_inputs=samples(step, 4)) for step in steps)
    assert short == long


@pytest.mark.parametrize("is_float", [False, True], ids=["integer", "float32"])
def test_rotary_positions_step_through_their_table(is_float: bool) -> None:
    """A step turns by its own row and attends to keys turned at theirs; the recording ends with the table."""
    m = GraphMaker("rotated")
    x = m.input("x", STEPS, 2, 4, qparams=None if is_float else SYMMETRIC)
    q, k = m.rotary(x, pairs=2, y=INT16), m.rotary(x, pairs=1, interleaved=True, y=SYMMETRIC)
    graph = causal(m.graph(m.attention(q, k, x, window=4, y=INT16)))
    assert graph.frame_limit == STEPS
    assert_steps_equal_windows(graph, range(1, STEPS + 1))
    assert_steps_equal_windows(graph, range(1, STEPS + 1), on_the_host)


# ---- padding and delay -----------------------------------------------------------------------------------------------


def test_padding_in_front_is_the_first_past() -> None:
    """Constant rows in front of the first step, then a convolution without padding: what F.pad and Conv1d write."""
    for value in (INT8.zero_point, -100):
        m = GraphMaker()
        x = m.input("x", STEPS, 2)
        joined = m.concat(0, m.filled("front", 2, 2, value=value), m.pad(x, 0, 2, 0, value))
        graph = causal(m.graph(m.conv1d(joined, 3, taps=3, pad=(0, 0), dilation=2)))
        assert graph.output_clock == Clock()
        assert_steps_equal_windows(graph, EVERY_LENGTH)


def test_every_second_step() -> None:
    """A slice with a step keeps the steps at its pace, as a strided convolution does."""
    m = GraphMaker()
    x = m.strided_slice(m.input("x", STEPS, 2), 0, 1, 2, STEPS // 2)
    graph = causal(m.graph(m.recurrent("gru", m.linear(x, 6, INT16))))
    assert graph.output_clock == Clock(stride=2, offset=1)
    assert_steps_equal_windows(graph, EVERY_LENGTH)


def test_a_cut_sequence_behind_padding_is_a_delay() -> None:
    """The order in which F.pad and token shifts are written: the last step off, then zeros in front."""
    m = GraphMaker()
    x = m.input("x", STEPS, 2)
    shifted = m.pad(m.slice(x, 0, 0, STEPS - 2), 0, 2, 0, fill=3)
    graph = causal(m.graph(m.linear(m.binary("add", x, shifted), 3)))
    assert graph.output_clock == Clock()
    assert_steps_equal_windows(graph, EVERY_LENGTH)


def test_a_shifted_sequence_is_a_delay() -> None:
    """Rows in front, as many cut off behind: each step sees the one before, the first the padding."""
    m = GraphMaker()
    x = m.input("x", STEPS, 2)
    shifted = m.slice(m.concat(0, m.filled("ones", 1, 2, value=1), x), 0, 0, STEPS)
    graph = causal(m.graph(m.binary("add", x, shifted)))
    assert graph.output_clock == Clock()
    assert_steps_equal_windows(graph, EVERY_LENGTH)


def test_a_history_that_begins_with_zero_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the integer 0 is not the number 0 where the zero point is another."""
    graph = everything()
    assert_steps_equal_windows(causal(graph), range(4, 8))
    right = layout.write_history
    monkeypatch.setattr(
        "smidgen.passes.along_time.sliding.write_history",
        lambda *arguments, padding, **options: right(*arguments, padding=0, **options),
    )
    with pytest.raises(AssertionError, match="at 4 frames"):
        assert_steps_equal_windows(causal(graph), range(4, 8))


def test_a_clock_that_is_one_frame_off_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a delay by one element too many."""
    right = layout.write_history
    monkeypatch.setattr(
        layout, "write_history",
        lambda *arguments, dilation, **options: right(*arguments, dilation=dilation + 1, **options),
    )  # fmt: skip
    with pytest.raises(AssertionError, match="at 4 frames"):
        assert_steps_equal_windows(causal(everything()), range(4, 8))


# ---- refusals --------------------------------------------------------------------------------------------------------

Build = Callable[[GraphMaker, str], str]


def heads(m: GraphMaker, x: str, count: int) -> list[str]:
    """Return operands of attention with two heads."""
    return [m.reshape(m.linear(x, 4, SYMMETRIC), STEPS, 2, 2) for _ in range(count)]


REFUSED: dict[str, tuple[Build, str]] = {
    "padded on both sides": (
        lambda m, x: m.conv1d(x, 3, taps=3, pad=(1, 1)),
        r"conv2d\.0 \(conv2d\) looks 1 step ahead, as it is padded behind .*F\.pad\(x, \(2, 0\)\) and padding=0",
    ),
    "padded too much": (
        lambda m, x: m.conv1d(x, 3, taps=3, pad=(3, 0)),
        r"conv2d\.0 \(conv2d\) is padded by 3 steps in front, more than the 2 that it reaches back; pad 2",
    ),
    "steps as channels": (
        lambda m, x: m.conv1d(m.transpose(x, 1, 0), 3, taps=2, pad=(1, 0)),
        r"conv2d\.1 \(conv2d\) slides along features, with the steps as channels: it sees the whole window",
    ),
    "transposed along time": (
        lambda m, x: m.conv2d(x, 3, Window(size=(2, 1), pad_before=(1, 0), input_dilation=(2, 1))),
        r"conv2d\.0 \(conv2d\) makes 2 steps of one, as it is transposed along time; a stream has one clock",
    ),
    "means of fewer steps": (
        lambda m, x: m.average_pool(x, Window(size=(3, 1), pad_before=(2, 0)), count_padding=False),
        r"average_pool\.0 \(average_pool\) divides its first means by fewer steps; let padding count",
    ),
    "the mean at every step": (
        lambda m, x: m.binary("add", x, m.concat(0, *[m.reshape(m.mean(x, 0), 1, 4)] * STEPS)),
        r"add\.3 \(add\) needs t3 at every step, which sums up all steps: it looks ahead\. Use a running value",
    ),
    "flattened": (
        lambda m, x: m.linear(m.reshape(x, STEPS * 4), 3),
        rf"reshape\.0 \(reshape\) puts the {STEPS} steps of \({STEPS}, 4\) into one axis with other things, \(48,\)",
    ),
    "mixed along time": (
        lambda m, x: m.linear(m.transpose(x, 1, 0), 3),
        r"linear\.1 \(linear\) mixes all steps, as time is the axis along which it works; transpose time in front",
    ),
    "argmax over time": (
        lambda m, x: m.argmax(x, 0), r"argmax\.0 \(argmax\) runs over all steps of the window; take it over features",
    ),
    "a length over time": (
        lambda m, x: m.second_moment(m.transpose(x, 1, 0)),
        r"second_moment\.1 \(second_moment\) runs over all steps of the window",
    ),
    "a norm over time": (
        lambda m, x: m.group_norm(x, 2), r"group_norm\.0 \(group_norm\) normalises over all steps of the window; norm",
    ),
    "a softmax over time": (
        lambda m, x: m.softmax(m.transpose(x, 1, 0)),
        r"softmax\.1 \(softmax\) weighs the steps of the whole window against each other: it looks ahead. Take it over",
    ),
    "steps times steps": (
        lambda m, x: m.matmul(m.linear(x, 4, INT16), m.linear(x, 4, INT16), transposed=True),
        r"matmul\.2 \(matmul\) multiplies steps with other steps, which are all known at the end",
    ),
    "the first steps": (
        lambda m, x: m.slice(x, 0, 0, 3), rf"slice\.0 \(slice\) keeps 3 of {STEPS} steps: which ones it would keep",
    ),
    "constants behind": (
        lambda m, x: m.concat(0, x, m.constant("c", 2, 4)),
        r"concat\.0 \(concat\) joins steps to the end of others: it looks ahead\. Only constants may stand in front",
    ),
    "a recurrence through padding": (
        lambda m, x: m.recurrent("gru", m.linear(m.concat(0, m.constant("c", 2, 4), x), 6, INT16)),
        r"gru\.2 \(gru\) runs through 2 steps of padding in front of the first; pad behind it",
    ),
    "a layer backwards": (
        lambda m, x: m.recurrent("rnn", m.linear(x, 4, INT16), reverse=True),
        r"rnn\.1 \(rnn\) runs from the last step to the first: it looks ahead",
    ),
    "steps that do not meet": (
        lambda m, x: m.binary("add", *(m.conv1d(x, 4, taps=taps, pad=(0, 0), stride=2) for taps in (1, 2))),
        r"add\.2 \(add\) has operands that come at different frames \(t1 every 2 frames, t2 every 2 frames from",
    ),
    "all keys": (
        lambda m, x: m.attention(*heads(m, x, 3), causal=False),
        r"attention\.6 \(attention\) lets each step see all others\. Use is_causal=True, or a mask that hides what",
    ),
    "keys ahead": (
        lambda m, x: m.attention(*heads(m, x, 3), causal=False, window=3),
        r"attention\.6 \(attention\) lets each step see the 2 steps ahead of it\. Use is_causal=True",
    ),
    "learned queries": (
        lambda m, x: m.attention(m.constant("q", 3, 2, 2, qparams=SYMMETRIC), *heads(m, x, 2)),
        r"attention\.4 \(attention\) has constant queries, keys or values, which attend over the whole window",
    ),
    "a bias by pair": (
        lambda m, x: m.attention(*heads(m, x, 3), bias=relative_bias(1, STEPS, STEPS)),
        r"attention\.6 \(attention\) has a bias told pair by pair, which ends with the window\. Let it depend on the",
    ),
    "backwards": (
        lambda m, x: m.strided_slice(x, 0, STEPS - 1, -1, STEPS),
        r"strided_slice\.0 \(strided_slice\) reverses time, or repeats one step of the window; use the steps",
    ),
    "some steps": (
        lambda m, x: m.take(x, 0, 3, 1, 2), r"take\.0 \(take\) picks steps of the window by their number, or changes",
    ),
    "padded behind": (
        lambda m, x: m.pad(x, 0, 0, 2, 3),
        r"pad\.0 \(pad\) puts 2 steps behind the last: it looks ahead\. Pad in front",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_looks_ahead_is_refused(case: str) -> None:
    """Each is named, with the op, what it looks at, and what to write instead."""
    build, message = REFUSED[case]
    m = GraphMaker()
    graph = m.graph(build(m, m.input("x", STEPS, 4)))
    with pytest.raises(StreamingError, match=message):
        causal(graph)


def test_a_kind_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not known to be causal is not streamed."""
    monkeypatch.delitem(TIME_RULES, "linear")  # type: ignore[arg-type]
    m = GraphMaker()
    graph = m.graph(m.linear(m.input("x", STEPS, 4), 3))
    with pytest.raises(StreamingError, match=r"linear\.0 \(linear\) cannot be run frame by frame: what it does"):
        causal(graph)


def test_outputs_at_two_rates_are_refused() -> None:
    """A step gives all outputs or none."""
    m = GraphMaker()
    x = m.input("x", STEPS, 4)
    graph = m.graph(m.linear(x, 2), m.conv1d(x, 2, stride=2))
    with pytest.raises(StreamingError, match=r"come at different frames \(t1 each frame, t2 every 2 frames"):
        causal(graph)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"x": 0, "other": None}, r"input other \(12, 4\) has no axis of time, so it is one value for a whole"),
        ({"x": 0, "other": 2}, r"input other \(12, 4\) has no axis of time"),
        ({"x": 0, "other": 1}, r"the inputs have {'x': 12, 'other': 4} steps along time; all need the same number"),
    ],
)
def test_inputs_without_time_are_refused(axes: dict[str, int | None], message: str) -> None:
    """Every input gives one frame a step."""
    m = GraphMaker()
    graph = m.graph(m.binary("add", m.input("x", STEPS, 4), m.input("other", STEPS, 4)))
    with pytest.raises(StreamingError, match=message):
        CausalGraph(graph, axes)


def test_lengths_without_an_output_are_refused() -> None:
    """Too short for the first output, too long for the table of positions."""
    graph = causal(everything())
    for frames in (0, 2, STEPS + 1):
        with pytest.raises(StreamingError, match=f"everything takes 3 to {STEPS} frames, {frames} were asked for"):
            graph.at_length(frames)


# ---- found by random graphs ------------------------------------------------------------------------------------------


def test_an_output_that_begins_before_the_first_frame_is_refused() -> None:
    """Padding in front of time is no frame's answer, so that steps could not give it."""
    m = GraphMaker()
    padded = m.pad(m.input("x", STEPS, 2), 0, 2, 0)
    with pytest.raises(StreamingError, match=f"the output {padded} has 2 steps in front of the first frame"):
        causal(m.graph(padded))


def test_what_constants_alone_give_is_refused() -> None:
    """It has no time, and the operator is named."""
    m = GraphMaker()
    offset = m.table(m.constant("offset", 2))
    with pytest.raises(StreamingError, match=r"table.0 \(table\) works on constants alone"):
        causal(m.graph(m.binary("add", m.input("x", STEPS, 2), offset)))


def test_one_tensor_joined_along_time_is_itself() -> None:
    """As `torch.cat([x], dim=1)` is."""
    m = GraphMaker()
    graph = m.graph(m.linear(m.concat(0, m.linear(m.input("x", STEPS, 2), 2)), 3))
    assert_steps_equal_windows(causal(graph), EVERY_LENGTH)


def test_rotary_positions_along_channels_or_of_one_step_are_refused() -> None:
    """The first turns steps against each other; the second has no position for the next step."""
    m = GraphMaker()
    turned = m.rotary(m.transpose(m.input("x", STEPS, 2, 3, qparams=INT16), 1, 2, 0), pairs=2)
    with pytest.raises(StreamingError, match=r"rotary.1 .* turns steps against each other"):
        causal(m.graph(turned))
    m = GraphMaker()
    pooled = m.average_pool(m.input("x", STEPS, 2), Window(size=(STEPS, 1)), y=INT16)
    turned = m.rotary(m.reshape(pooled, 1, 1, 2), pairs=1)
    with pytest.raises(StreamingError, match=r"rotary.2 .* knows the position of 1 step alone"):
        causal(m.graph(turned))
