"""A causal window written again: for another number of frames, or as the graph of one step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.clock import Clock
from smidgen.ir.graph import Attribute, Graph, Op, Tensor
from smidgen.ir.ops import element_limit
from smidgen.passes.along_time.track import TimedOp, Track


class Writer:
    """Collects the ops of the new graph, under the names of the window's."""

    def __init__(self, window: Graph, tracks: Mapping[str, Track], *, frames: int | None) -> None:
        """Begin with the inputs; `frames` is None for a step."""
        self._window = window
        self._tracks = tracks
        self._frames = frames
        self._tensors: dict[str, Tensor] = {}
        self._ops: list[Op] = []
        for name in window.inputs:
            self._add_tensor(self._resized(name))

    @property
    def is_step(self) -> bool:
        """True when one frame at a time is to be taken."""
        return self._frames is None

    def length(self, track: Track) -> int:
        """Return how many elements along time a tensor on `track` has in the new graph."""
        return 1 if self._frames is None else track.clock.count(self._frames)

    def add(
        self,
        timed: TimedOp,
        *,
        kind: str | None = None,
        inputs: Sequence[str] | None = None,
        attrs: Mapping[str, Attribute] | None = None,
    ) -> None:
        """Add the op itself, unchanged unless told otherwise, with its result at the new length."""
        op = timed.op
        for name in op.outputs:
            self._add_tensor(self._resized(name))
        for x in timed.x:
            if x.data is not None and (inputs is None or x.name in inputs):
                self._add_tensor(x)
        self._append(
            timed,
            replace(
                op,
                kind=kind or op.kind,
                inputs=op.inputs if inputs is None else tuple(inputs),
                attrs=op.attrs if attrs is None else dict(attrs),
            ),
        )

    def add_helper(
        self,
        timed: TimedOp,
        suffix: str,
        *,
        kind: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        attrs: Mapping[str, Attribute] | None = None,
        like: Tensor | None = None,
        clock: Clock | None = None,
    ) -> str:
        """Add an op that serves `timed`, named after it, and return its result's name.

        Args: like, what the result has its type and scale from, by default the first operand; clock, when it runs, by
        default with the op that it serves.
        """
        source = timed.x[0] if like is None else like
        name = f"{timed.y.name}.{suffix}"
        self._add_tensor(replace(source, name=name, shape=tuple(shape), data=None))
        helper = Op(
            name=f"{timed.op.name}.{suffix}", kind=kind, inputs=tuple(inputs), output=name, attrs=dict(attrs or {})
        )
        self._append(timed, helper, clock)
        return name

    def reshape(self, timed: TimedOp, source: str | None = None) -> None:
        """Let the result be the bytes of `source`, by default the first operand, in the shape that it has here."""
        shape = self._resized(timed.y.name).shape
        self.add(timed, kind="reshape", inputs=[source or timed.x[0].name], attrs={"shape": shape})

    def shape_of(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor of the window at the new length."""
        return self._resized(name).shape

    def constant_rows(self, timed: TimedOp, index: int, axis: int) -> str:
        """Return the operand `index`, a constant with a row for each element along time, cut to what is needed.

        Raises GraphError where it has too few rows.
        """
        table, track = timed.x[index], timed.result
        assert track is not None
        assert table.data is not None
        rows = np.moveaxis(table.data, axis, 0)
        if np.array_equal(rows, np.broadcast_to(rows[:1], rows.shape)):
            return self._add_constant(table, table.data.take([0] * self.length(track), axis=axis), timed, index)
        if not self.is_step:
            if self.length(track) > len(rows):
                raise GraphError(
                    f"{timed.op.name}: {table.name} tells {len(rows)} positions, {self.length(track)} are asked for"
                )
            return self._add_constant(table, table.data.take(range(self.length(track)), axis=axis), timed, index)
        since = table.data.take(range(track.n_padding, len(rows)), axis=axis)
        shape = tuple(1 if i == axis else size for i, size in enumerate(table.shape))
        name = self._add_constant(table, since, timed, index)
        return self.add_helper(
            timed, f"row_{index}", kind="stored_row", inputs=[name], shape=shape, attrs={"axis": axis}, like=table
        )

    def graph(self) -> Graph:
        """Return the graph; that of a step with the number of frames after which it must be reset."""
        graph = replace(self._window, tensors=self._tensors, ops=tuple(self._ops), is_step=self.is_step)
        if not self.is_step:
            return graph
        limits = ((op, element_limit(graph, op)) for op in graph.ops)
        frames = [op.clock.frames_for(most) for op, most in limits if most is not None]
        return replace(graph, frame_limit=min(frames, default=None))

    def _append(self, timed: TimedOp, op: Op, clock: Clock | None = None) -> None:
        assert timed.result is not None
        chosen = clock or timed.result.clock
        self._ops.append(replace(op, clock=chosen.from_reset()) if self.is_step else op)

    def _resized(self, name: str) -> Tensor:
        tensor, track = self._window[name], self._tracks[name]
        if track.axis is None:
            return tensor
        shape = tuple(self.length(track) if i == track.axis else size for i, size in enumerate(tensor.shape))
        return replace(tensor, shape=shape)

    def _add_constant(self, like: Tensor, data: NDArray[Any], timed: TimedOp, index: int) -> str:
        name = like.name if data.shape == like.shape else f"{timed.y.name}.constant_{index}"
        self._add_tensor(replace(like, name=name, shape=data.shape, data=np.ascontiguousarray(data)))
        return name

    def _add_tensor(self, tensor: Tensor) -> None:
        self._tensors[tensor.name] = tensor
