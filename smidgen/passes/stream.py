"""From a window to frames: which graphs are causal, what they are at another length, and what one step of them is.

The claim: n steps from reset give the bytes of the graph at length n, for every n. Both are written by the same rules
(`along_time`), from the window that lowering made, folded but with every row of it computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.errors import StreamingError
from smidgen.ir.clock import EVERY_FRAME, Clock
from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops import Array
from smidgen.passes.along_time import TIME_RULES, TimedOp, Track, Writer
from smidgen.passes.fold import fold


class CausalGraph:
    """A window whose every output depends on nothing that comes later."""

    def __init__(self, lowered: Graph, time_axes: Mapping[str, int | None]) -> None:
        """Find out how each tensor goes along time.

        Args: lowered, a window graph; time_axes, by input the axis of time without batch, None where it has none.
        Raises StreamingError, naming the op, where one looks ahead or at the whole window.
        """
        self.window = fold(lowered, keep_rows=True)
        self.tracks = self._input_tracks(time_axes)
        for op in self.window.ops:
            self.tracks[op.output] = self._track(op)
        self.step = self._write_step()

    @property
    def output_clock(self) -> Clock:
        """When a step gives outputs."""
        return self.step.output_clock

    @property
    def compiled_frames(self) -> int:
        """How many frames the window was compiled for."""
        name = self.window.inputs[0]
        axis = self.tracks[name].axis
        assert axis is not None
        return self.window[name].shape[axis]

    @property
    def frame_limit(self) -> int | None:
        """How many frames a recording may have, None for any number."""
        return self.step.frame_limit

    def frames(self, recordings: Sequence[Array]) -> list[Array]:
        """Return recordings (B, *shape at any length) as frames (B, number of frames, *shape of a step's input)."""
        split = []
        for name, recording in zip(self.window.inputs, recordings, strict=True):
            axis = self.tracks[name].axis
            assert axis is not None
            split.append(np.expand_dims(np.moveaxis(recording, axis + 1, 1), axis + 2))
        return split

    def joined(self, answers: Mapping[str, Array]) -> dict[str, Array]:
        """Return outputs (B, answers, *shape of a step's output) as a window has them, along its axis of time.

        Those without one, a summary of all steps so far, stay one behind the other.
        """
        joined = {}
        for name, values in answers.items():
            axis = self.tracks[name].axis
            joined[name] = values if axis is None else np.moveaxis(values.squeeze(axis + 2), 1, axis + 1)
        return joined

    def part(self, name: str, joined: Array, frames: int) -> Array:
        """Return what the first `frames` frames give of an output of `joined`: what the graph of that length gives."""
        axis, count = self.tracks[name].axis, self.output_clock.count(frames)
        return joined[:, count - 1] if axis is None else joined.take(range(count), axis=axis + 1)

    def at_length(self, frames: int) -> Graph:
        """Return the graph for recordings of `frames` frames; raise StreamingError where it gives no output then."""
        first, limit = self.output_clock.offset + 1, self.frame_limit
        if frames < first or (limit is not None and frames > limit):
            most = "any number" if limit is None else str(limit)
            raise StreamingError(f"{self.window.name} takes {first} to {most} frames, {frames} were asked for")
        return fold(self._written(frames))

    def _write_step(self) -> Graph:
        step = self._written(None)
        clocks = {name: self.tracks[name].clock.from_reset() for name in step.outputs}
        if len(set(clocks.values())) > 1:
            times = ", ".join(f"{name} {clock}" for name, clock in clocks.items())
            raise StreamingError(f"the outputs come at different frames ({times}); return those of one rate only")
        return fold(step)

    def _written(self, frames: int | None) -> Graph:
        writer = Writer(self.window, self.tracks, frames=frames)
        for op in self.window.ops:
            timed = replace(self._timed(op), result=self.tracks[op.output])
            TIME_RULES[op.kind].write(timed, writer)
        return writer.graph()

    def _track(self, op: Op) -> Track:
        timed = self._timed(op)
        if op.kind not in TIME_RULES:
            raise timed.refusal("cannot be run frame by frame: what it does along time is not known to be causal")
        return TIME_RULES[op.kind].track(timed)

    def _timed(self, op: Op) -> TimedOp:
        return TimedOp(
            op=op,
            x=self.window.operands(op),
            y=self.window[op.output],
            tracks=tuple(self.tracks.get(name) for name in op.inputs),
        )

    def _input_tracks(self, time_axes: Mapping[str, int | None]) -> dict[str, Track]:
        tracks, lengths = {}, {}
        for name in self.window.inputs:
            axis, shape = time_axes[name], self.window[name].shape
            if axis is None or axis >= len(shape):
                raise StreamingError(
                    f"input {name} {shape} has no axis of time, so it is one value for a whole recording; give it at "
                    "every step, or make it part of the model"
                )
            lengths[name] = shape[axis]
            tracks[name] = Track(axis=axis, clock=EVERY_FRAME)
        if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
            raise StreamingError(
                f"the inputs have {lengths} steps along time; all need the same number, at least 2, to tell time from "
                "other axes. time_axis says which axis it is"
            )
        return tracks
