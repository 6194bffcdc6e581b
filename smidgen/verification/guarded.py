"""A program whose context and buffers lie in watched memory: init, then call after call, each with clean buffers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import Program
from smidgen.errors import DataError, FirmwareFault
from smidgen.records import Measurement
from smidgen.targets import Target
from smidgen.verification.batch import AnyArray, as_bytes, check_batch, check_status, empty_outputs
from smidgen.verification.measurement import InvokeCount, LinkedSize, make_measurement
from smidgen.verification.memory import PAINT

Rows = Sequence[NDArray[np.uint8]]  # for each port: (n, bytes of one sample)
Pauses = Mapping[str, Callable[[], None]]  # functions to stop at the entry of, in order, and what to do there


class Buffer(Protocol):
    """Memory of the firmware that this process sees too."""

    @property
    def content(self) -> NDArray[np.uint8]: ...

    @property
    def address(self) -> int:
        """Where the firmware sees it."""
        ...


class GuardedRunner(ABC):
    """Drives a program on an emulated core or in an engine; what executes and watches it, a subclass adds."""

    def __init__(self, program: Program, target: Target, size: LinkedSize) -> None:
        self.program = program
        self.target = target
        self._size = size
        self._context = self._map_buffer("the context", size.context_bytes, writable=True)
        self._inputs = [self._map_buffer(f"input {p.name}", p.n_bytes, writable=False) for p in program.inputs]
        self._outputs = [self._map_buffer(f"output {p.name}", p.n_bytes, writable=True) for p in program.outputs]

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return the outputs of `n` calls in a row after one init, each (n, *port.shape).

        A program that takes frames may give fewer outputs than it takes frames: those of `program.answers`.

        Args: inputs in the order of the program's ports, each (n, *port.shape) of the port's element type.
        Raises DataError for other arrays; FirmwareFault for an access outside the program's memory, a changed byte
        before a buffer, a status that is not due, or a call that does not return.
        """
        n, rows = self._rows(inputs)
        outputs = empty_outputs(self.program, self.program.answers.count(n))
        results = [as_bytes(array, port) for array, port in zip(outputs, self.program.outputs, strict=True)]
        answers = 0
        self._init()
        for sample in range(n):
            if self._run(sample, rows):
                for result, buffer in zip(results, self._outputs, strict=True):
                    result[answers] = buffer.content
                answers += 1
        return outputs

    def selftest(self) -> int:
        """Return the status of the program's self-test; 0 when all is well."""
        self._init()
        return self._call("selftest", [self._context.address])

    def measure(self, inputs: Sequence[AnyArray]) -> Measurement:
        """Return what the program costs: stack over init, self-test and all `n` samples, instructions of the worst.

        Args and errors as for `run`; also FirmwareFault when the self-test fails, DataError when there is no sample.
        """
        n, rows = self._rows(inputs)
        if n == 0:
            raise DataError(f"{self.program.name} is measured on samples of its inputs; got none")
        status = self.selftest()
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_selftest returned status {status} on {self.target.name}")
        depths = [self._stack_bytes()]
        self._init()
        depths.append(self._stack_bytes())
        counts = []
        for sample in range(n):
            self._run(sample, rows)
            depths.append(self._stack_bytes())
            counts += self._count()
        return make_measurement(
            self.program, self.target, self._size, n_inputs=n, stack_bytes=max(depths), counts=counts
        )

    @abstractmethod
    def _map_buffer(self, name: str, n_bytes: int, *, writable: bool) -> Buffer:
        """Give the firmware a buffer of which writes outside are noticed."""

    @abstractmethod
    def _call(self, entry: str, arguments: Sequence[int], *, occasion: str = "", pauses: Pauses | None = None) -> int:
        """Call an entry point and return its status; raise FirmwareFault for whatever it must not do."""

    @abstractmethod
    def _stack_bytes(self) -> int:
        """Return the peak stack of the last call."""

    @abstractmethod
    def _count(self) -> list[InvokeCount]:
        """Return the instructions of the last call, or nothing where they cannot be counted."""

    def _rows(self, inputs: Sequence[AnyArray]) -> tuple[int, Rows]:
        n, arrays = check_batch(self.program, inputs)
        return n, [as_bytes(array, port) for array, port in zip(arrays, self.program.inputs, strict=True)]

    def _init(self) -> None:
        """Initialise a context that does not hold zeros, so that the firmware cannot count on them."""
        self._context.content.fill(PAINT)
        status = self._call("init", [self._context.address])
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_init returned status {status} on {self.target.name}")

    def _run(self, sample: int, rows: Rows, pauses: Pauses | None = None) -> bool:
        """Call the program with one sample and return whether it gave outputs."""
        for buffer, row in zip(self._inputs, rows, strict=True):
            buffer.content[:] = row[sample]
        for buffer in self._outputs:
            buffer.content.fill(PAINT)  # so that an output that is not written cannot pass for the one before
        arguments = [buffer.address for buffer in (self._context, *self._inputs, *self._outputs)]
        occasion = f"at sample {sample}"
        status = self._call(self.program.entry, arguments, occasion=occasion, pauses=pauses)
        return check_status(self.program, sample, status, f"{self.target.name} {occasion}")
