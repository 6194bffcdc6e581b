"""From a window to frames: which graphs are causal, what they are at another length, and what one step of them is.

The claim: n steps from reset give the bytes of the graph at length n, for every n. Both are written by the same rules
(`along_time`), from the window that lowering made, folded but with every row of it computed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.errors import StreamingError
from smidgen.ir.clock import EVERY_FRAME
from smidgen.ir.graph import Graph, Op
from smidgen.ir.interpret import interpret
from smidgen.ir.ops import Array
from smidgen.passes.along_time import TIME_RULES, TimedOp, Track, Writer
from smidgen.passes.along_time.track import in_steps
from smidgen.passes.fold import fold
from smidgen.passes.frame_graph import FrameGraph, checked_axes
from smidgen.passes.shift import cut_after_padding


class CausalGraph(FrameGraph):
    """A window whose every output depends on nothing that comes later."""

    def __init__(self, lowered: Graph, time_axes: Mapping[str, int | None]) -> None:
        """Find out how each tensor goes along time.

        Args: lowered, a window graph; time_axes, by input the axis of time without batch, None where it has none.
        Raises StreamingError, naming the op, where one looks ahead or at the whole window.
        """
        self.window = cut_after_padding(fold(lowered, keep_rows=True))
        self.input_axes = checked_axes(self.window, time_axes)
        self.tracks = {name: Track(axis=axis, clock=EVERY_FRAME) for name, axis in self.input_axes.items()}
        for op in self.window.ops:
            track = self._track(op)
            more = TIME_RULES[op.kind].more(replace(self._timed(op), result=track))
            self.tracks |= dict(zip(op.outputs, (track, *more), strict=True))
        self.step = self._write_step()

    def at_length(self, frames: int) -> Graph:
        """Return the graph for recordings of `frames` frames; raise StreamingError where it gives no output then."""
        first, limit = self.output_clock.offset + 1, self.frame_limit
        if frames < first or (limit is not None and frames > limit):
            most = "any number" if limit is None else str(limit)
            raise StreamingError(f"{self.window.name} takes {first} to {most} frames, {frames} were asked for")
        return fold(self._written(frames))

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
        """Return the first elements along time, of a summary the last one."""
        axis, count = self.tracks[name].axis, self.output_clock.count(frames)
        return joined[:, count - 1] if axis is None else joined.take(range(count), axis=axis + 1)

    def expected(self, recordings: Sequence[Array], frames: int) -> dict[str, Array]:
        """Return the outputs of the graph at length `frames`."""
        window = self.at_length(frames)
        values = interpret(window, self._cut(recordings, range(frames)))
        return {name: values[name] for name in window.outputs}

    def _write_step(self) -> Graph:
        for name in self.window.outputs:
            track = self.tracks[name]
            if track.axis is not None and track.clock.offset < 0:
                before = -(track.clock.offset // track.clock.stride)
                raise StreamingError(
                    f"the output {name} has {in_steps(before)} in front of the first frame, which no frame gives; "
                    "return it without its padding"
                )
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
        if not any(timed.tracks):
            raise timed.refusal("works on constants alone, which are in no step; give its result as a constant")
        return TIME_RULES[op.kind].track(timed)

    def _timed(self, op: Op) -> TimedOp:
        return TimedOp(
            op=op,
            x=self.window.operands(op),
            y=self.window[op.output],
            tracks=tuple(self.tracks.get(name) for name in op.inputs),
        )
