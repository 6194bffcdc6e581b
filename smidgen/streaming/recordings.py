"""Recordings of any length: taken apart into frames, answered by the reference, compared with other executions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.compression import FloatProgram
from smidgen.compression.inputs import Batch, as_batch
from smidgen.errors import ConfigError
from smidgen.ir import Graph, interpret_frames
from smidgen.passes import FrameGraph
from smidgen.verification import Comparison, compare

Array = NDArray[Any]


class Recordings:
    """Recordings of one length, frame by frame, with what the reference answers to them."""

    def __init__(self, stream: FrameGraph, recordings: Sequence[Array]) -> None:
        self.frames = stream.frames(recordings)  # by input (B, N, *shape)
        self.answers = interpret_frames(stream.step, self.frames)  # by output (B, answers, *shape)

    @property
    def n_frames(self) -> int:
        """Frames of each recording."""
        return int(self.frames[0].shape[1])

    @property
    def n_answers(self) -> int:
        """Answers to all recordings."""
        first = next(iter(self.answers.values()))
        return int(first.shape[0] * first.shape[1])

    def recordings(self) -> Iterator[list[Array]]:
        """Yield the frames of one recording after the other."""
        for i in range(len(self.frames[0])):
            yield [np.ascontiguousarray(frames[i]) for frames in self.frames]


def compare_recordings(
    graph: Graph, streams: Sequence[Recordings], run: Callable[[list[Array]], list[Array]]
) -> Comparison:
    """Compare what `run` answers to each recording with the reference."""
    found = [run(frames) for stream in streams for frames in stream.recordings()]
    expected = [
        np.concatenate([stream.answers[name].reshape(-1, *graph[name].shape) for stream in streams])
        for name in graph.outputs
    ]
    return compare(expected, [np.concatenate(column) for column in zip(*found, strict=True)], graph.outputs)


def check_time_axis(time_axis: int) -> None:
    """Raise ConfigError for an axis that cannot be time."""
    if time_axis < 1:
        raise ConfigError(f"time_axis counts the batch as 0, so it must be at least 1; got {time_axis}")


def time_axes(graph: Graph, time_axis: int) -> dict[str, int | None]:
    """Return by input the axis of time without batch, None where it has none; `time_axis` counts the batch as 0."""
    return {name: time_axis - 1 if time_axis <= len(graph[name].shape) else None for name in graph.inputs}


def check_recordings(program: FloatProgram, stream: FrameGraph, recordings: Batch) -> None:
    """Raise ConfigError unless these are finite inputs of the model, with one number of recordings and of frames."""
    if len(recordings) != len(program.input_names):
        raise ConfigError(f"the model takes {len(program.input_names)} inputs, got {len(recordings)}")
    counts = set()
    ports = zip(stream.window.inputs, program.input_names, program.input_shapes, program.input_dtypes, strict=True)
    for (port, name, shape, dtype), value in zip(ports, recordings, strict=True):
        axis = stream.input_axes[port]
        wanted = tuple("frames" if i == axis else size for i, size in enumerate(shape))
        fits = value.dim() == len(shape) + 1 and all(
            size == value.shape[i + 1] for i, size in enumerate(shape) if i != axis
        )
        if not fits or value.dtype != dtype:
            raise ConfigError(
                f"input {name} must be {dtype} (recordings, {', '.join(map(str, wanted))}), got {value.dtype} "
                f"{tuple(value.shape)}"
            )
        if not torch.isfinite(value).all():
            raise ConfigError(f"input {name} holds NaN or infinity; give the code of a missing reading instead")
        counts.add((value.shape[0], value.shape[axis + 1]))
    if len(counts) > 1:
        raise ConfigError(f"the inputs have {sorted(counts)} recordings and frames; all need the same")


def in_parts(recordings: Any) -> Iterator[Batch]:
    """Yield the recordings of one length after the other."""
    is_one = isinstance(recordings, torch.Tensor) or (
        isinstance(recordings, tuple) and all(isinstance(value, torch.Tensor) for value in recordings)
    )
    if not is_one and not isinstance(recordings, Iterable):
        raise ConfigError(
            f"recordings are a tensor, a tuple of tensors or an iterable of such, not {type(recordings).__name__}"
        )
    for part in [recordings] if is_one else recordings:
        yield as_batch(part)
