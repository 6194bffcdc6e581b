"""Run a generated program in this process."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smidgen.codegen.bundle import Program
from smidgen.errors import FirmwareFault
from smidgen.verification.batch import AnyArray, check_batch, check_status, empty_outputs
from smidgen.verification.toolchain import build_host_library

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


def _pointers(arrays: Sequence[AnyArray]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
