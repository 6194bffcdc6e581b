"""Compiled models frame by frame: steps equal windows in the reference, on the host and on cores; RAM and errors."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from room_models import ACCESS_POINTS, MOTION, ROOMS, STEPS, compiled, network, windows
from torch import nn

import smidgen
from smidgen.errors import BudgetError, ConfigError, GraphError, StreamingError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.ir import Stepper, load_graph
from smidgen.models import LastStep, build_model
from smidgen.targets import find_target


def recordings(n_windows, *, n=2):
    """Rssi and motion of `n` recordings that last `n_windows` windows each."""
    parts = [windows(n, seed=seed) for seed in range(n_windows)]
    return tuple(torch.cat(column, dim=1) for column in zip(*parts, strict=True))


@pytest.fixture(scope="module")
def gru():
    return compiled("gru", "int8")


@pytest.mark.parametrize(
    ("name", "recipe", "target"),
    [("gru", "int8", "cortex-m0plus"), ("mamba", "int8", "cortex-m4"), ("mamba", "float32", "cortex-m0plus"),
     ("mamba", "int16", "cortex-m4")],
)  # fmt: skip
def test_room_models_stream(name, recipe, target):
    """Steps equal the window at every length, and the C equals the steps to the end of recordings longer than it."""
    firmware = compiled(name, recipe, target=target)
    stream = firmware.streaming
    assert firmware.not_streaming is None
    report = stream.check(recordings(4), lengths=range(1, 4 * STEPS + 1, 5), emulate=STEPS + 2)
    assert report.mismatched_bytes == 0
    assert (report.n_recordings, report.n_frames, report.n_emulated) == (2, 8 * STEPS, STEPS + 2)
    assert report.first_divergent_layer is None
    assert stream.measurement.ram_bytes < firmware.measurement.ram_bytes
    assert stream.measurement.instructions < firmware.measurement.instructions / 4
    assert stream.measurement.state_bytes > 0


@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_the_room_transformer_streams_to_the_end_of_its_positions(recipe):
    """A ring of keys and values; one frame more than it has learned positions for is refused, and named."""
    stream = compiled("transformer", recipe, target="cortex-m0plus").streaming
    assert stream.check(recordings(1), lengths=range(1, STEPS + 1)).mismatched_bytes == 0
    assert stream.graph.frame_limit == STEPS
    with pytest.raises(GraphError, match=f"graph rooms takes {STEPS} frames from reset at most"):
        stream.run(recordings(2))


def test_a_stream_at_the_end_of_a_window_is_the_window(gru):
    """The last answer of a window fed frame by frame is what the window program gives."""
    inputs = windows(5)
    answers = gru.streaming.run(inputs)
    assert answers.shape == (5, STEPS, ROOMS)
    torch.testing.assert_close(gru.run(inputs), answers[:, -1], rtol=0, atol=0)


def test_ram_does_not_grow_with_the_window():
    """A Mamba of 20 steps and one of 2,000 give the same C, so the same RAM, flash and instructions."""
    measurements = []
    for steps in (20, 2000):
        torch.manual_seed(0)
        model = LastStep(build_model("mamba", n_access_points=3, n_motion=2, n_rooms=4, d_model=8, d_state=4)).eval()
        inputs = windows(2)[0].repeat(1, -(-steps // STEPS), 1)[:, :steps], torch.zeros(2, steps, 2)
        firmware = smidgen.stream(model, inputs, recipe="float32", name="rooms")
        measurements.append((firmware.program.files, firmware.measurement))
    assert measurements[0] == measurements[1]
    assert measurements[0][1].ram_bytes < 2048


def test_recordings_of_many_lengths(gru):
    """Each is taken from reset; the longest is held against its window whole."""
    parts = [recordings(1, n=3), recordings(5, n=1), recordings(2)]
    report = gru.streaming.check(parts, emulate=5)
    assert report.mismatched_bytes == 0
    assert (report.n_recordings, report.n_frames) == (6, (3 + 5 + 4) * STEPS)
    assert list(report.windows) == [1, 2, STEPS, STEPS + 1, 5 * STEPS]
    assert report.host.n_samples == report.n_frames


def test_the_report_reads_well(gru):
    """It prints what was compared, and turns into JSON."""
    report = gru.streaming.check(recordings(2), lengths=[1, 24], emulate=7)
    assert str(report) == (
        "2 recordings, 48 frames\n"
        "steps against windows of 1, 24 frames: all 40 bytes are equal\n"
        "host C against the reference, whole recordings: all 480 bytes of 48 samples are equal\n"
        "emulated cortex-m4 against the reference, 7 frames: all 70 bytes of 7 samples are equal"
    )
    assert json.loads(json.dumps(report.to_dict())) == {
        "n_recordings": 2, "n_frames": 48, "n_emulated": 7, "lengths": [1, 24], "mismatched_bytes": 0,
        "first_divergent_layer": None,
    }  # fmt: skip


def test_a_planted_fault_is_found_with_its_layer():
    """A ring whose newest frame goes to the wrong slot: the answers differ, and the history is named."""
    stream = compiled("mamba", "int8").streaming
    kernels = stream.program.files["rooms_kernels.h"]
    right = "copy_blocks(x, ring, 1U, frame, 0U, 0U, slot * frame, 0U, size);"
    assert kernels.count(right) == 1
    planted = kernels.replace(right, right.replace("slot * frame", "0U"))
    stream.program = replace(stream.program, files={**stream.program.files, "rooms_kernels.h": planted})
    report = stream.check(recordings(2), lengths=[], emulate=20)
    assert report.host.mismatched_bytes > 0
    assert report.emulated.mismatched_bytes > 0
    assert report.first_divergent_layer == "classifier.encoder.layers.0.conv1d.history"
    assert report.divergence.sample == 2  # the third frame reads the first from where it is not
    assert "first layer to diverge on the host: classifier.encoder.layers.0.conv1d.history, frame 2" in str(report)


def test_steps_that_leave_the_window_are_found(gru, monkeypatch):
    """Planted: a reference that begins again at every step equals neither the window nor the C."""
    right = Stepper.step
    monkeypatch.setattr(Stepper, "step", lambda self, frame: (self.reset(), right(self, frame))[1])
    report = gru.streaming.check(recordings(1), lengths=[5], emulate=5)
    assert report.windows[5].mismatched_bytes > 0
    assert report.host.mismatched_bytes > 0
    assert "steps against the window of 5 frames: " in str(report)


class _Bidirectional(nn.Module):
    """Convolutions padded on both sides."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(3, 4, 3, padding=1)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


def test_a_model_that_looks_ahead_says_so():
    """The window compiles; `not_streaming` and `smidgen.stream` name the layer and what to write instead."""
    message = r"conv \(conv2d\) looks 1 step ahead, as it is padded behind the last step\. Pad in front alone: F\.pad"
    firmware = smidgen.compile(_Bidirectional(), torch.zeros(2, 8, 3), recipe="float32")
    assert firmware.streaming is None
    with pytest.raises(StreamingError, match=message) as refusal:
        smidgen.stream(_Bidirectional(), torch.zeros(2, 8, 3), recipe="float32")
    assert firmware.not_streaming == str(refusal.value)


def test_a_model_that_looks_ahead_hops():
    """It takes frames all the same, and answers every few what its window gives for the last frames."""
    firmware = smidgen.compile(_Bidirectional(), torch.zeros(2, 8, 3), recipe="float32", name="around")
    hopping = firmware.hopping(4)
    inputs = torch.randn(2, 21, 3, generator=torch.Generator().manual_seed(0))
    report = hopping.check(inputs)
    assert report.mismatched_bytes == 0
    assert list(report.windows) == [8, 9, 21]
    answers = hopping.run(inputs)
    assert answers.shape == (2, 4, 8, 4)
    torch.testing.assert_close(answers[:, 2], firmware.run(inputs[:, 8:16]), rtol=0, atol=0)
    assert hopping.measurement.state_bytes == 8 * 3 * 4 + 4  # the frames and their counter
    assert "an output comes every 4 frames from frame 7 on" in hopping.program.files["around.h"].lower()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: (torch.zeros(2, 5, ACCESS_POINTS),), "the model takes 2 inputs, got 1"),
        (
            lambda: (torch.zeros(2, 5, 4), torch.zeros(2, 5, MOTION)),
            r"input rssi must be torch.float32 \(recordings, frames, 3\), got torch.float32 \(2, 5, 4\)",
        ),
        (
            lambda: (torch.zeros(2, 5, ACCESS_POINTS), torch.zeros(2, 6, MOTION)),
            r"the inputs have \[\(2, 5\), \(2, 6\)\] recordings and frames; all need the same",
        ),
        (
            lambda: (torch.full((2, 5, ACCESS_POINTS), float("nan")), torch.zeros(2, 5, MOTION)),
            "input rssi holds NaN or infinity; give the code of a missing reading instead",
        ),
    ],
)  # fmt: skip
def test_recordings_that_do_not_fit_are_refused(gru, make, message):
    """Every axis but that of time is the model's."""
    with pytest.raises(ConfigError, match=message):
        gru.streaming.run(make())


def test_nothing_to_check_is_refused(gru):
    """No frame, none to emulate, no recording."""
    empty = torch.zeros(1, 0, ACCESS_POINTS), torch.zeros(1, 0, MOTION)
    with pytest.raises(ConfigError, match="check needs a recording of at least 1 frames"):
        gru.streaming.check(empty)
    with pytest.raises(ConfigError, match="emulate must be at least 1 frame, got 0"):
        gru.streaming.check(recordings(1), emulate=0)
    with pytest.raises(ConfigError, match="recordings are a tensor, a tuple of tensors or an iterable"):
        gru.streaming.check(3)


def test_a_window_beyond_the_recordings_is_refused(gru):
    """There is nothing to hold its steps against."""
    frames = torch.zeros(1, 5, ACCESS_POINTS), torch.zeros(1, 5, MOTION)
    with pytest.raises(ConfigError, match="lengths asks for windows of 6, 9 frames; the longest recording has 5"):
        gru.streaming.check(frames, lengths=[2, 6, 9])


def test_the_batch_is_no_axis_of_time():
    """time_axis counts the batch as 0."""
    with pytest.raises(ConfigError, match="time_axis counts the batch as 0, so it must be at least 1; got 0"):
        smidgen.stream(network("gru"), windows(1), recipe="float32", time_axis=0)


def test_time_may_be_another_axis():
    """Channels first, time last."""
    firmware = smidgen.stream(nn.Conv1d(3, 4, 2), torch.randn(4, 3, 9), recipe="float32", time_axis=2)
    assert firmware.run(torch.randn(2, 3, 30)).shape == (2, 4, 29)
    assert firmware.check(torch.randn(2, 3, 30)).mismatched_bytes == 0


def test_a_stream_beyond_the_budget_is_refused():
    """The state counts, and no window is to be shortened."""
    tiny = replace(find_target("cortex-m4"), ram_bytes=256)
    with pytest.raises(BudgetError, match=r"cortex-m4 has 256 B; \d+ B are state, the arena .*\. Lower d_model"):
        smidgen.stream(
            network("mamba"), windows(1), calibration=windows(8), inputs=SENSOR_INPUTS, name="rooms", target=tiny
        )


def test_a_delivered_stream_has_a_step(gru, tmp_path):
    """The folder holds the step graph and C with `rooms_step`; the graph reads back the same."""
    folder = gru.streaming.save(tmp_path / "rooms")
    header = (folder / "src/rooms.h").read_text()
    assert "rooms_status rooms_step(rooms_context *ctx, const int8_t *rssi" in header
    assert "rooms_invoke" not in header
    again = load_graph(folder / "graph")
    frames = [np.zeros((1, *again[name].shape), again[name].dtype) for name in again.inputs]
    for graph in (again, gru.streaming.graph):
        stepper = Stepper(graph, 1)
        values = [stepper.step(frames)[graph.outputs[0]] for _ in range(3)]
        assert not np.array_equal(values[0], values[2])
