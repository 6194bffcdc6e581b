"""A window graph that runs frame by frame: what a step of it is, and what recordings and answers look like."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from smidgen.errors import StreamingError
from smidgen.ir.clock import Clock
from smidgen.ir.graph import Graph
from smidgen.ir.ops import Array


class FrameGraph(ABC):
    """`window` is what was compiled, `step` takes one frame of each input; `input_axes` are their axes of time.

    A recording has the shape of an input of the window with any number of frames along its axis of time.
    """

    window: Graph
    step: Graph
    input_axes: Mapping[str, int]

    @property
    def compiled_frames(self) -> int:
        """How many frames the window was compiled for."""
        name = self.window.inputs[0]
        return self.window[name].shape[self.input_axes[name]]

    @property
    def output_clock(self) -> Clock:
        """When a step gives outputs."""
        return self.step.output_clock

    @property
    def frame_limit(self) -> int | None:
        """How many frames a recording may have, None for any number."""
        return self.step.frame_limit

    def frames(self, recordings: Sequence[Array]) -> list[Array]:
        """Return recordings (B, *shape) as frames (B, number of frames, *shape of a step's input)."""
        axes = [self.input_axes[name] for name in self.window.inputs]
        return [
            np.expand_dims(np.moveaxis(recording, axis + 1, 1), axis + 2)
            for recording, axis in zip(recordings, axes, strict=True)
        ]

    @abstractmethod
    def joined(self, answers: Mapping[str, Array]) -> dict[str, Array]:
        """Return outputs (B, answers, *shape of a step's output) as one array for a recording."""

    @abstractmethod
    def part(self, name: str, joined: Array, frames: int) -> Array:
        """Return what of an output of `joined` the first `frames` frames decide: what `expected` gives."""

    @abstractmethod
    def expected(self, recordings: Sequence[Array], frames: int) -> dict[str, Array]:
        """Return what windows give for the first `frames` frames of recordings."""

    def _cut(self, recordings: Sequence[Array], frames: range) -> list[Array]:
        """Return some frames of recordings."""
        axes = [self.input_axes[name] for name in self.window.inputs]
        return [array.take(frames, axis=axis + 1) for array, axis in zip(recordings, axes, strict=True)]


def checked_axes(window: Graph, time_axes: Mapping[str, int | None]) -> dict[str, int]:
    """Return the axis of time of each input.

    Raises StreamingError where one has none, or they do not have one number of frames, at least 2.
    """
    axes = {}
    for name in window.inputs:
        axis, shape = time_axes[name], window[name].shape
        if axis is None or axis >= len(shape):
            raise StreamingError(
                f"input {name} {shape} has no axis of time, so it is one value for a whole recording; give it at "
                "every step, or make it part of the model"
            )
        axes[name] = axis
    lengths = {name: window[name].shape[axis] for name, axis in axes.items()}
    if len(set(lengths.values())) > 1 or min(lengths.values()) < 2:
        raise StreamingError(
            f"the inputs have {lengths} steps along time; all need the same number, at least 2, to tell time from "
            "other axes. time_axis says which axis it is"
        )
    return axes
