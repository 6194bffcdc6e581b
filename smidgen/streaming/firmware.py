"""A model that takes one frame at a time: its step graph and C, what a step costs, and the proof that it is the window.

Shapes: B recordings, N frames; a recording has the shape of the model's input with N steps along its axis of time.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

import torch
from numpy.typing import NDArray

from smidgen.compiled import CompiledModel, in_input_types
from smidgen.compression import FloatProgram
from smidgen.compression.inputs import Batch, as_batch
from smidgen.errors import ConfigError
from smidgen.fidelity import Divergence, find_divergence
from smidgen.ir import Graph, Stepper
from smidgen.passes import CausalGraph, FrameGraph, HoppingGraph, plan_memory, schedule
from smidgen.streaming.recordings import Recordings, check_recordings, compare_recordings, in_parts
from smidgen.streaming.report import StreamReport
from smidgen.targets import Target
from smidgen.verification import (
    Comparison,
    TracedHostModel,
    compare,
)

Array = NDArray[Any]

Frames = TypeVar("Frames", bound=FrameGraph)

_KNOWN_ANSWERS = 4  # of the self-test
_MEASURED_FRAMES = 256
_EMULATED_FRAMES = 256  # of a check, unless told otherwise


class FrameFirmware(CompiledModel, Generic[Frames]):
    """One model for one target, frame by frame."""

    def __init__(
        self,
        *,
        float_program: FloatProgram,
        stream: Frames,
        target: Target,
        recipe_name: str,
        optimize: str,
        windows: Sequence[Array],
    ) -> None:
        """Generate the program.

        Args: optimize, a name of OPTIMIZATIONS; windows, integers (n, *shape) by input: one after the other, the frames
        of self-test and measurement.
        """
        graph = schedule(stream.step, has_dsp=target.core.has_dsp)
        super().__init__(
            float_program=float_program,
            graph=graph,
            plan=plan_memory(graph, has_dsp=target.core.has_dsp),
            target=target,
            recipe_name=recipe_name,
        )
        self.stream = stream
        self._frames = [frames.reshape(-1, *frames.shape[2:]) for frames in stream.frames(windows)]
        self.program = self._emitted(optimize)

    def quantize_inputs(self, recordings: Batch) -> list[Array]:
        """Return recordings (B, *shape at N frames) in the firmware's input types; raises ConfigError for others."""
        check_recordings(self.float_program, self.stream, recordings)
        return in_input_types(self.graph, recordings)

    def run_integers(self, recordings: Batch) -> list[Array]:
        """Return what the reference's steps answer from reset, in the firmware's types; shapes as for `run`."""
        joined = self.stream.joined(Recordings(self.stream, self.quantize_inputs(recordings)).answers)
        return [joined[name] for name in self.graph.outputs]

    def run(self, recordings: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return what the reference's steps answer from reset, as real numbers.

        Args: recordings, (B, *shape at N frames) for each input. Returns: of a causal model, an output with an axis of
        time as the model returns it for N frames; otherwise (B, answers, *shape), one answer after the other.
        """
        reals = [torch.from_numpy(real) for real in self._dequantized(self.run_integers(as_batch(recordings)))]
        return reals[0] if len(reals) == 1 else tuple(reals)

    def check(
        self, recordings: Any, *, lengths: Sequence[int] | None = None, emulate: int = _EMULATED_FRAMES
    ) -> StreamReport:
        """Prove that steps equal windows, and that the C equals the reference from reset to the end of each recording.

        Args: recordings, (B, *shape at N frames) for each input, or an iterable of such with other N; lengths, after
        how many frames the steps are held against what windows give, by default the first two that have an answer, the
        compiled length, the one beyond, and the longest recording whole; emulate, how many frames of the longest
        recording run on the target.
        Raises ConfigError if there is no frame, nothing to emulate, or a length beyond the longest recording.
        """
        if emulate < 1:
            raise ConfigError(f"emulate must be at least 1 frame, got {emulate}")
        parts = [self.quantize_inputs(part) for part in in_parts(recordings)]
        streams = [Recordings(self.stream, part) for part in parts]
        if sum(stream.n_answers for stream in streams) == 0:
            raise ConfigError(f"check needs a recording of at least {self.graph.output_clock.offset + 1} frames")
        longest = max(range(len(parts)), key=lambda i: streams[i].n_frames)
        chosen = self._lengths(streams[longest].n_frames) if lengths is None else lengths
        if beyond := [frames for frames in chosen if frames > streams[longest].n_frames]:
            raise ConfigError(
                f"lengths asks for windows of {', '.join(map(str, beyond))} frames; the longest recording has "
                f"{streams[longest].n_frames}"
            )
        host = compare_recordings(self.graph, streams, self._host.run)
        first = [frames[0, :emulate] for frames in streams[longest].frames]
        n_answers = self.graph.output_clock.count(len(first[0]))
        expected = [streams[longest].answers[name][0, :n_answers] for name in self.graph.outputs]
        return StreamReport(
            n_recordings=sum(len(part[0]) for part in parts),
            n_frames=sum(len(part[0]) * stream.n_frames for part, stream in zip(parts, streams, strict=True)),
            windows={frames: self._compare_window(parts[longest], streams[longest], frames) for frames in chosen},
            host=host,
            emulated=compare(expected, self._runner.run(first), self.graph.outputs),
            n_emulated=len(first[0]),
            label=self._runner.label,
            divergence=None if host.first is None else self._divergence(streams, host.first.sample),
        )

    # ---- helpers ----

    @property
    def _measured_on(self) -> list[Array]:
        return self._first_frames(max(_MEASURED_FRAMES, self.graph.output_clock.frames_for(_KNOWN_ANSWERS)))

    @property
    def _known_inputs(self) -> list[Array]:
        return self._first_frames(self.graph.output_clock.frames_for(_KNOWN_ANSWERS))

    def _first_frames(self, count: int) -> list[Array]:
        """Return frames of the windows one after the other, from the first again where there are too few."""
        most = count if self.graph.frame_limit is None else min(count, self.graph.frame_limit)
        return [frames.take(range(most), axis=0, mode="wrap") for frames in self._frames]

    def _lengths(self, longest: int) -> list[int]:
        """Return the default lengths of windows that steps are held against."""
        first, compiled = self.graph.output_clock.offset + 1, self.stream.compiled_frames
        lengths = {first, first + 1, compiled, compiled + 1, longest}
        return sorted(frames for frames in lengths if first <= frames <= longest)

    def _compare_window(self, inputs: Sequence[Array], stream: Recordings, frames: int) -> Comparison:
        expected, joined = self.stream.expected(inputs, frames), self.stream.joined(stream.answers)
        found = [self.stream.part(name, joined[name], frames) for name in self.graph.outputs]
        return compare([expected[name] for name in self.graph.outputs], found, self.graph.outputs)

    def _divergence(self, streams: Sequence[Recordings], answer: int) -> Divergence:
        """Follow, on the host, the layers at the frame of the first answer that differs."""
        recordings = [recording for stream in streams for recording in stream.recordings()]
        for frames in recordings:
            count = self.graph.output_clock.count(len(frames[0]))
            if answer < count:
                break
            answer -= count
        last = self.graph.output_clock.frames_for(answer)
        stepper = Stepper(self.graph, batch=1)
        for frame in range(last + 1):
            values = stepper.step([array[frame : frame + 1] for array in frames])
        traced = TracedHostModel(self.program).trace([array[: last + 1] for array in frames])
        found = find_divergence("host", 0, self.graph, self.program.layers, values, traced)
        return replace(found, sample=last)


class StreamingFirmware(FrameFirmware[CausalGraph]):
    """A causal model: each step goes on from the last. Made by `smidgen.stream`, or by `Firmware.streaming`."""

    def at_length(self, frames: int) -> Graph:
        """Return the window graph of recordings of `frames` frames, which so many steps from reset equal."""
        return self.stream.at_length(frames)


class HoppingFirmware(FrameFirmware[HoppingGraph]):
    """A model that may look ahead within its window: it runs on the last frames, every few. See `Firmware.hopping`."""
