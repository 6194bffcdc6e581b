"""A window that runs every few frames, on the last frames that came: for models that look ahead within it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.errors import ConfigError
from smidgen.ir.clock import Clock
from smidgen.ir.graph import Attribute, Graph, Op, Tensor
from smidgen.ir.interpret import interpret
from smidgen.ir.ops import Array
from smidgen.passes.fold import fold
from smidgen.passes.frame_graph import FrameGraph, checked_axes


class HoppingGraph(FrameGraph):
    """A step keeps its frame; the window runs once it is full, and then every `hop` frames.

    The j-th answer is that of the window to the frames from j * hop on.
    """

    def __init__(self, window: Graph, time_axes: Mapping[str, int | None], hop: int) -> None:
        """Put what keeps the last frames in front of a window graph.

        Args: time_axes, by input the axis of time without batch, None where it has none; hop, in frames.
        Raises ConfigError for a hop below 1, StreamingError where an input has no axis of time.
        """
        if hop < 1:
            raise ConfigError(f"hop must be at least 1 frame, got {hop}")
        self.window = window
        self.hop = hop
        self.input_axes = checked_axes(window, time_axes)
        self.step = self._write_step()

    def joined(self, answers: Mapping[str, Array]) -> dict[str, Array]:
        """Return outputs as they are, (B, answers, *shape): one window behind the other."""
        return dict(answers)

    def part(self, name: str, joined: Array, frames: int) -> Array:
        """Return the answers so far."""
        return joined[:, : self.output_clock.count(frames)]

    def expected(self, recordings: Sequence[Array], frames: int) -> dict[str, Array]:
        """Return what the window gives for each stretch of frames that is full after the first `frames`."""
        starts = range(0, self.output_clock.count(frames) * self.hop, self.hop)
        values = [
            interpret(self.window, self._cut(recordings, range(start, start + self.compiled_frames)))
            for start in starts
        ]
        return {name: np.stack([found[name] for found in values], axis=1) for name in self.window.outputs}

    def _write_step(self) -> Graph:
        clock = Clock(stride=self.hop, offset=self.compiled_frames - 1)
        tensors, ops, renamed = dict(self.window.tensors), [], {}
        for name in self.window.inputs:
            tensors[name], gathering = _gathered(self.window[name], self.input_axes[name])
            tensors |= {tensor.name: tensor for tensor, _ in gathering}
            ops += [op for _, op in gathering]
            renamed[name] = ops[-1].output
        for op in self.window.ops:
            ops.append(replace(op, inputs=tuple(renamed.get(x, x) for x in op.inputs), clock=clock))
        return fold(replace(self.window, tensors=tensors, ops=tuple(ops), is_step=True))


def _gathered(window: Tensor, axis: int) -> tuple[Tensor, list[tuple[Tensor, Op]]]:
    """Return the input of a step, and what makes a window of the last of them: tensors with the ops that write them."""
    frames = window.shape[axis]
    rest = tuple(size for i, size in enumerate(window.shape) if i != axis)
    frame = replace(window, shape=tuple(1 if i == axis else size for i, size in enumerate(window.shape)))
    order = [*range(1, axis + 1), 0, *range(axis + 1, len(window.shape))]  # axis 0 of the kept frames to its place
    kept: list[tuple[str, str, tuple[int, ...], dict[str, Attribute]]] = [
        ("row", "reshape", (1, *rest), {"shape": (1, *rest)}),
        ("recent", "recent", (frames, *rest), {"frames": frames}),
        ("window", "transpose", window.shape, {"permutation": tuple(order)}),
    ]
    made, source = [], window.name
    for suffix, kind, shape, attrs in kept:
        tensor = replace(window, name=f"{window.name}.{suffix}", shape=shape)
        made.append((tensor, Op(name=tensor.name, kind=kind, inputs=(source,), output=tensor.name, attrs=attrs)))
        source = tensor.name
    return frame, made
