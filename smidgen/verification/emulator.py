"""Run a program on an emulated core, and measure it: outputs, instructions per layer, stack, RAM, flash."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import Layer, Program
from smidgen.errors import DataError, FirmwareFault
from smidgen.records import LayerMeasurement, Measurement
from smidgen.verification.batch import AnyArray, as_bytes, check_batch, empty_outputs
from smidgen.verification.cycles import REFILL_CYCLES, estimate_block_cycles
from smidgen.verification.emulated_core import EmulatedCore
from smidgen.verification.image import Image
from smidgen.verification.memory import PAINT
from smidgen.verification.toolchain import ENTRY_POINTS

_CYCLE_MODELS = {"cortex-m4": estimate_block_cycles}

Rows = Sequence[NDArray[np.uint8]]  # for each port: (n, bytes of one sample)


class Emulator:
    """A program in the flash of an emulated core, its context and buffers in guarded memory.

    An instruction is charged to the layer whose function was entered last, compiler helpers included, until the entry
    point goes on; so the layers and what is outside of them add up to the total.
    """

    def __init__(
        self, image: Image, program: Program, folder: Path | None = None, *, limit_instructions: int = 1_000_000_000
    ) -> None:
        """Boot the image. A call of more than `limit_instructions` is a fault; `folder` as in `EmulatedCore`."""
        self.image = image
        self.program = program
        counters = ["outside the layers", *(f"layer {layer.name}" for layer in program.layers)]
        boundaries = _boundaries(image, program)
        self.core = EmulatedCore(image, counters, boundaries, limit_instructions=limit_instructions, folder=folder)
        self._context = self.core.map_buffer("the context", image.context_bytes, writable=True)
        self._inputs = [self.core.map_buffer(f"input {p.name}", p.n_bytes, writable=False) for p in program.inputs]
        self._outputs = [self.core.map_buffer(f"output {p.name}", p.n_bytes, writable=True) for p in program.outputs]
        self._writable = [self._context, *self._outputs]

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return the outputs, each (n, *port.shape), of `n` invokes in a row after one init.

        Args: inputs in the order of the program's ports, each (n, *port.shape) of the port's element type.
        Raises DataError for other arrays; FirmwareFault for an access outside the program's memory, a changed byte
        before a buffer, a status that is not 0, or a call that does not return.
        """
        n, rows = self._rows(inputs)
        outputs = empty_outputs(self.program, n)
        results = [as_bytes(array, port) for array, port in zip(outputs, self.program.outputs, strict=True)]
        self._init()
        for sample in range(n):
            self._invoke(sample, rows)
            for result, buffer in zip(results, self._outputs, strict=True):
                result[sample] = buffer.content
        return outputs

    def trace(self, inputs: Sequence[AnyArray]) -> dict[str, bytes]:
        """Return the bytes of every layer's result, by tensor, right after the layer has run on one sample.

        Args: inputs as for `run`, with one sample. Errors as for `run`; DataError for another number of samples.
        """
        n, rows = self._rows(inputs)
        if n != 1:
            raise DataError(f"a trace follows one sample, got {n}")
        results: dict[str, bytes] = {}
        traced = [layer for layer in self.program.layers if layer.result is not None]
        self._init()
        # A layer's result is whole when the next layer begins, or at the end.
        pauses = {after.function: partial(self._keep_result, before, results) for before, after in pairwise(traced)}
        self._invoke(0, rows, pauses)
        for layer in traced[-1:]:
            self._keep_result(layer, results)
        return results

    def _keep_result(self, layer: Layer, results: dict[str, bytes]) -> None:
        place = layer.result
        assert place is not None
        names = [port.name for port in self.program.outputs]
        buffer = self._context if place.region == "arena" else self._outputs[names.index(place.region)]
        results[place.tensor] = buffer.content[place.offset : place.offset + place.n_bytes].tobytes()

    def selftest(self) -> int:
        """Return the status of the program's self-test on the core; 0 when all is well."""
        self._init()
        return self._call("selftest", self._context.address)

    def measure(self, inputs: Sequence[AnyArray]) -> Measurement:
        """Return what the program costs: stack over init, self-test and all `n` samples, instructions of the worst.

        Args and errors as for `run`; also FirmwareFault when the self-test fails, DataError when there is no sample.
        """
        n, rows = self._rows(inputs)
        if n == 0:
            raise DataError(f"{self.program.name} is measured on samples of its inputs; got none")
        status = self.selftest()
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_selftest returned status {status} on {self.image.target.name}")
        stack_bytes = self.core.stack_bytes()
        self._init()
        stack_bytes = max(stack_bytes, self.core.stack_bytes())
        totals = []
        most, instructions, cycles = 0, [], None
        for sample in range(n):
            self._invoke(sample, rows)
            stack_bytes = max(stack_bytes, self.core.stack_bytes())
            totals.append(self.core.counter.total)
            if totals[-1] > most:
                most, instructions, cycles = totals[-1], self.core.counter.instructions.tolist(), self._cycles()
        return Measurement(
            program=self.program.name,
            target=self.image.target.name,
            flash_bytes=self.image.flash_bytes,
            context_bytes=self.image.context_bytes,
            state_bytes=self.program.state_bytes,
            arena_bytes=self.program.arena_bytes,
            io_bytes=sum(port.n_bytes for port in self.program.ports),
            stack_bytes=stack_bytes,
            static_bytes=self.image.static_ram_bytes,
            instructions=most,
            instructions_min=min(totals),
            n_inputs=n,
            cycles_estimate=cycles,
            layers=tuple(
                LayerMeasurement(
                    name=layer.name,
                    op=layer.op,
                    macs=layer.macs,
                    instructions=executed,
                    flash_bytes=self.image.layer_flash_bytes[layer.function],
                )
                for layer, executed in zip(self.program.layers, instructions[1:], strict=True)
            ),
        )

    def _rows(self, inputs: Sequence[AnyArray]) -> tuple[int, Rows]:
        n, arrays = check_batch(self.program, inputs)
        return n, [as_bytes(array, port) for array, port in zip(arrays, self.program.inputs, strict=True)]

    def _init(self) -> None:
        """Initialise a context that does not hold zeros, so that the firmware cannot count on them."""
        self._context.content.fill(PAINT)
        self._require_ok("init", self._call("init", self._context.address))

    def _invoke(self, sample: int, rows: Rows, pauses: Mapping[str, Callable[[], None]] | None = None) -> None:
        for buffer, row in zip(self._inputs, rows, strict=True):
            buffer.content[:] = row[sample]
        for buffer in self._outputs:
            buffer.content.fill(PAINT)  # so that an output that is not written cannot pass for the one before
        arguments = [buffer.address for buffer in (self._context, *self._inputs, *self._outputs)]
        occasion = f"at sample {sample}"
        self._require_ok("invoke", self._call("invoke", *arguments, occasion=occasion, pauses=pauses), occasion)

    def _call(
        self,
        entry: str,
        *arguments: int,
        occasion: str = "",
        pauses: Mapping[str, Callable[[], None]] | None = None,
    ) -> int:
        function = f"{self.program.name}_{entry}"
        status = self.core.call(function, arguments, occasion=occasion, pauses=pauses)
        for buffer in self._writable:
            distance = buffer.damaged_before()
            if distance is not None:
                raise FirmwareFault(
                    f"{function} on {self.image.target.name} {occasion}: write {distance} bytes before the start of "
                    f"{buffer.region.name}"
                )
        return status

    def _require_ok(self, entry: str, status: int, occasion: str = "") -> None:
        if status != 0:
            where = f"{self.image.target.name} {occasion}".strip()
            raise FirmwareFault(f"{self.program.name}_{entry} returned status {status} on {where}")

    def _cycles(self) -> int | None:
        """Return the estimate for the last call."""
        model = _CYCLE_MODELS.get(self.image.target.core.name)
        if model is None:
            return None
        return self.core.counter.weigh(model) + REFILL_CYCLES * self.core.counter.jumps()


def _boundaries(image: Image, program: Program) -> dict[int, int]:
    """Return where charging changes: 0 all over the entry points, i + 1 at the start of layer i's function."""
    boundaries = {}
    for entry in ENTRY_POINTS:
        for part in image.symbols.parts(f"{program.name}_{entry}"):
            boundaries.update(dict.fromkeys(range(part.address, part.address + part.n_bytes, 2), 0))
    for i, layer in enumerate(program.layers):
        for part in image.symbols.parts(layer.function):
            boundaries[part.address] = i + 1
    return boundaries
