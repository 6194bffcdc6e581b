"""Run a generated program on this machine: in this process, or apart from it where it may be broken."""

import ctypes
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smidgen.codegen.bundle import Program
from smidgen.errors import DataError, FirmwareFault
from smidgen.records import Measurement
from smidgen.targets import Target
from smidgen.verification.batch import AnyArray, as_bytes, check_batch, check_status, empty_outputs
from smidgen.verification.image import read_object_size
from smidgen.verification.measurement import make_measurement
from smidgen.verification.symbols import SymbolTable
from smidgen.verification.toolchain import build_host_executable, build_host_library, build_host_object

_BACKGROUND = 0xA5  # of a context before init: firmware must not count on zeros


class HostModel:
    """A program compiled for this machine and loaded into this process: fast, but a crash ends this process too."""

    def __init__(self, program: Program, folder: Path | None = None) -> None:
        self.program = program
        self._library = ctypes.CDLL(str(self._build(folder)))
        for function in (self._library.host_context_bytes, self._library.host_call_batch):
            function.restype = ctypes.c_size_t
        self.context_bytes: int = self._library.host_context_bytes()
        self._context = np.empty(self.context_bytes, dtype=np.uint8)

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return the outputs of `n` calls in a row after one init, each (n, *port.shape).

        A program that takes frames may give fewer outputs than it takes frames: those of `program.answers`.

        Args: inputs in the order of the program's ports, each (n, *port.shape) of the port's element type.
        Raises DataError for other arrays, FirmwareFault for a status that is not due.
        """
        _, arrays = check_batch(self.program, inputs)
        self._init()
        return self._call_batch(arrays)

    def selftest(self) -> int:
        """Return the status of the program's self-test; 0 when all is well."""
        self._init()
        return int(self._library.host_selftest(self._context_pointer))

    def _build(self, folder: Path | None) -> Path:
        return build_host_library(self.program, folder)

    def _call_batch(
        self, arrays: Sequence[AnyArray], *, earlier_calls: int = 0, outputs: Sequence[AnyArray] | None = None
    ) -> list[AnyArray]:
        """Go on from `earlier_calls` after init; return the outputs, which begin `outputs` where that is given."""
        n = len(arrays[0])
        buffers = empty_outputs(self.program, n) if outputs is None else outputs
        statuses = np.zeros(n, np.int32)
        done = self._library.host_call_batch(
            self._context_pointer, ctypes.c_size_t(n), _pointers(arrays), _pointers(buffers),
            ctypes.c_void_p(statuses.ctypes.data),
        )  # fmt: skip
        n_answers = sum(
            check_status(self.program, call, int(status), f"the host at sample {call}")
            for call, status in enumerate(statuses[:done], earlier_calls)
        )
        return [buffer[:n_answers] for buffer in buffers]

    @property
    def _context_pointer(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self._context.ctypes.data)

    def _init(self) -> None:
        self._context.fill(_BACKGROUND)
        status = self._library.host_init(self._context_pointer)
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_init returned status {status} on the host")


class HostRunner:
    """A program in a process of its own that undefined behaviour ends: what runs it where the target is the host."""

    label = "sanitised host C"

    def __init__(self, program: Program, target: Target, folder: Path | None = None) -> None:
        self.program = program
        self.target = target
        self._folder = folder

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return what `run_isolated` does, with its errors."""
        return run_isolated(self.program, inputs, self._folder)

    def measure(self, inputs: Sequence[AnyArray]) -> Measurement:
        """Return what is known without counting: memory but for the stack, code and constants of this machine.

        Errors as for `run`; also FirmwareFault when the self-test fails, DataError when there is no sample.
        """
        n, _ = check_batch(self.program, inputs)
        if n == 0:
            raise DataError(f"{self.program.name} is measured on samples of its inputs; got none")
        model = HostModel(self.program, self._folder)
        status = model.selftest()
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_selftest returned status {status} on the host")
        self.run(inputs)
        object_path = build_host_object(self.program, self._folder)
        size = read_object_size(object_path, self.program, model.context_bytes)
        return make_measurement(self.program, self.target, size, n_inputs=n)


def run_isolated(
    program: Program, inputs: Sequence[AnyArray], folder: Path | None = None, *, timeout_s: float = 60.0
) -> list[AnyArray]:
    """Return what `HostModel.run` does, from a process of its own that undefined behaviour ends.

    Raises DataError for arrays that do not fit, FirmwareFault when the process was ended by a signal, took longer than
    `timeout_s` or met a status that is not 0.
    """
    n, arrays = check_batch(program, inputs)
    executable = build_host_executable(program, folder)
    samples = np.concatenate(
        [as_bytes(array, port) for array, port in zip(arrays, program.inputs, strict=True)], axis=1
    )
    try:
        done = subprocess.run([executable], input=samples.tobytes(), capture_output=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise FirmwareFault(f"{program.name}: no end of {n} samples in {timeout_s:g} s on the host") from error
    sample_bytes = sum(port.n_bytes for port in program.outputs)
    if done.returncode != 0:
        at = f"at sample {program.answers.frames_for(len(done.stdout) // sample_bytes)}"
        ending = _ending(executable, done.returncode, done.stderr.decode(errors="replace"))
        raise FirmwareFault(f"{program.name}: {ending} on the host {at}")
    n_answers = program.answers.count(n)
    if len(done.stdout) != n_answers * sample_bytes:
        raise FirmwareFault(
            f"{program.name}: {len(done.stdout)} B of outputs of {n} samples on the host, expected {n_answers} outputs"
        )
    packed = np.frombuffer(done.stdout, dtype=np.uint8).reshape(n_answers, sample_bytes)
    outputs = empty_outputs(program, n_answers)
    first = 0
    for port, output in zip(program.outputs, outputs, strict=True):
        as_bytes(output, port)[:] = packed[:, first : first + port.n_bytes]
        first += port.n_bytes
    return outputs


def _pointers(arrays: Sequence[AnyArray]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def _ending(executable: Path, returncode: int, stderr: str) -> str:
    """Say how host_main.c ended: by the status that it printed, or by a signal, which a trap precedes."""
    if returncode > 0:
        return stderr.strip()
    name = signal.Signals(-returncode).name
    if stderr.startswith("trap "):
        symbols = SymbolTable(executable)
        return f"undefined behaviour ({name}) in {symbols.locate(symbols['main'].address + int(stderr.split()[1]))}"
    return f"ended by {name}"
