"""Arrays that go into and come out of a program, many samples at once."""

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import PENDING_STATUS, Layer, Port, Program
from smidgen.errors import DataError, FirmwareFault

AnyArray = NDArray[np.generic]


def check_batch(program: Program, inputs: Sequence[AnyArray]) -> tuple[int, list[AnyArray]]:
    """Return the number of samples and the inputs as contiguous arrays (n, *port.shape).

    Raises DataError when their number, element type, shape or sample count is not the program's.
    """
    expected = ", ".join(f"{port.name} {port.dtype} (n, {', '.join(map(str, port.shape))})" for port in program.inputs)
    if len(inputs) != len(program.inputs):
        raise DataError(f"{program.name} takes {len(program.inputs)} inputs, {expected}; got {len(inputs)} arrays")
    for port, array in zip(program.inputs, inputs, strict=True):
        if array.dtype != np.dtype(port.dtype) or array.shape[1:] != port.shape or array.ndim == 0:
            raise DataError(f"{program.name} takes {expected}; for {port.name} got {array.dtype} {array.shape}")
    counts = [len(array) for array in inputs]
    if len(set(counts)) > 1:
        raise DataError(f"{program.name} needs as many samples of each input, got {counts}; it takes {expected}")
    return counts[0], [np.ascontiguousarray(array) for array in inputs]


def empty_outputs(program: Program, n: int) -> list[AnyArray]:
    """Return zeroed arrays (n, *port.shape) for `n` outputs."""
    return [np.zeros((n, *port.shape), dtype=port.dtype) for port in program.outputs]


def as_bytes(array: AnyArray, port: Port) -> NDArray[np.uint8]:
    """Return a view (n, bytes of one sample) of a contiguous array."""
    return array.reshape(len(array), prod(port.shape)).view(np.uint8)


def pack_samples(program: Program, arrays: Sequence[AnyArray]) -> bytes:
    """Return checked inputs as one stream: sample after sample, in each the ports in their order."""
    rows = [as_bytes(array, port) for array, port in zip(arrays, program.inputs, strict=True)]
    return np.concatenate(rows, axis=1).tobytes()


def unpack_outputs(program: Program, n: int, stream: bytes, where: str) -> list[AnyArray]:
    """Return the outputs of `n` samples from one stream, packed as `pack_samples` does.

    Raises FirmwareFault, naming `where`, for a stream that is not as long as the program's clock asks for.
    """
    sample_bytes = sum(port.n_bytes for port in program.outputs)
    n_answers = program.answers.count(n)
    if len(stream) != n_answers * sample_bytes:
        raise FirmwareFault(
            f"{program.name}: {len(stream)} B of outputs of {n} samples on {where}, expected {n_answers} outputs"
        )
    packed = np.frombuffer(stream, dtype=np.uint8).reshape(n_answers, sample_bytes)
    outputs = empty_outputs(program, n_answers)
    first = 0
    for port, output in zip(program.outputs, outputs, strict=True):
        as_bytes(output, port)[:] = packed[:, first : first + port.n_bytes]
        first += port.n_bytes
    return outputs


def check_status(program: Program, call: int, status: int, where: str) -> bool:
    """Return whether call number `call` after init gives outputs, as its status says.

    Raises FirmwareFault, naming `where`, for a status other than that which the program's clock asks for.
    """
    due = program.answers.ticks_at(call)
    if status != (0 if due else PENDING_STATUS):
        expected = "" if due else f", expected {PENDING_STATUS} for no output yet"
        raise FirmwareFault(f"{program.name}_{program.entry} returned status {status} on {where}{expected}")
    return due


def check_traced(program: Program, n: int) -> None:
    """Raise DataError unless the last of `n` samples can be traced: all layers run only where it gives outputs."""
    if n == 0 or not program.answers.ticks_at(n - 1):
        raise DataError(f"a trace follows a sample that gives outputs; the last of {n} gives none")


def result_bytes(
    layer: Layer, program: Program, context: NDArray[np.uint8], outputs: Sequence[NDArray[np.uint8]]
) -> dict[str, bytes]:
    """Return the bytes of a layer's result by its tensor, from the context or the output in which it stands."""
    place = layer.result
    assert place is not None
    names = [port.name for port in program.outputs]
    region = context if place.region in ("arena", "state") else outputs[names.index(place.region)]
    start = place.offset + (program.arena_member_bytes if place.region == "state" else 0)
    return {place.tensor: region[start : start + place.n_bytes].tobytes()}
