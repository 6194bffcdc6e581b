"""Run a program on an emulated core, and measure it: outputs, instructions per layer, stack, RAM, flash."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from smidgen.codegen.bundle import Layer, Program
from smidgen.errors import FirmwareFault
from smidgen.verification.batch import AnyArray, check_traced, result_bytes
from smidgen.verification.cycles import REFILL_CYCLES, estimate_block_cycles
from smidgen.verification.emulated_core import EmulatedCore
from smidgen.verification.guarded import GuardedRunner, Pauses
from smidgen.verification.image import Image
from smidgen.verification.instruction_set import UNIT_BYTES
from smidgen.verification.measurement import InvokeCount
from smidgen.verification.memory import GuardedBuffer

_CYCLE_MODELS = {"cortex-m4": estimate_block_cycles}


class Emulator(GuardedRunner):
    """A program in the flash of an emulated core, its context and buffers in guarded memory.

    An instruction is charged to the layer whose function was entered last, compiler helpers included, until the entry
    point goes on; so the layers and what is outside of them add up to the total.
    """

    def __init__(
        self, image: Image, program: Program, folder: Path | None = None, *, limit_instructions: int = 1_000_000_000
    ) -> None:
        """Boot the image. A call of more than `limit_instructions` is a fault; `folder` as in `EmulatedCore`."""
        self.image = image
        self.label = f"emulated {image.target.name}"
        counters = ["outside the layers", *(f"layer {layer.name}" for layer in program.layers)]
        boundaries = _boundaries(image, program)
        self.core = EmulatedCore(image, counters, boundaries, limit_instructions=limit_instructions, folder=folder)
        self._watched: list[GuardedBuffer] = []
        super().__init__(program, image.target, image.size)

    def trace(self, inputs: Sequence[AnyArray]) -> dict[str, bytes]:
        """Return the bytes of every layer's result, by tensor, right after the layer has run on the last sample.

        Args: inputs as for `run`; where no state is kept, the last sample is enough. Errors as for `run`; DataError
        where there is no sample, or the last gives no output.
        """
        n, rows = self._rows(inputs)
        check_traced(self.program, n)
        results: dict[str, bytes] = {}
        traced = [layer for layer in self.program.layers if layer.result is not None]
        self._init()
        for sample in range(n - 1):
            self._run(sample, rows)
        # A layer's result is whole when the next layer begins, or at the end.
        pauses = {after.function: partial(self._keep_result, before, results) for before, after in pairwise(traced)}
        self._run(n - 1, rows, pauses)
        for layer in traced[-1:]:
            self._keep_result(layer, results)
        return results

    def _keep_result(self, layer: Layer, results: dict[str, bytes]) -> None:
        outputs = [buffer.content for buffer in self._outputs]
        results.update(result_bytes(layer, self.program, self._context.content, outputs))

    def _map_buffer(self, name: str, n_bytes: int, *, writable: bool) -> GuardedBuffer:
        buffer = self.core.map_buffer(name, n_bytes, writable=writable)
        if writable:
            self._watched.append(buffer)
        return buffer

    def _call(self, entry: str, arguments: Sequence[int], *, occasion: str = "", pauses: Pauses | None = None) -> int:
        function = f"{self.program.name}_{entry}"
        status = self.core.call(function, arguments, occasion=occasion, pauses=pauses)
        for buffer in self._watched:
            distance = buffer.damaged_before()
            if distance is not None:
                raise FirmwareFault(
                    f"{function} on {self.target.name} {occasion}: write {distance} bytes before the start of "
                    f"{buffer.region.name}"
                )
        return status

    def _stack_bytes(self) -> int:
        return self.core.stack_bytes()

    def _count(self) -> list[InvokeCount]:
        counter = self.core.counter
        model = _CYCLE_MODELS.get(self.target.core.name)
        cycles = None if model is None else counter.weigh(model) + REFILL_CYCLES * counter.jumps()
        by_layer = tuple(counter.instructions[1:].tolist())
        return [InvokeCount(total=counter.total, by_layer=by_layer, cycles_estimate=cycles)]


def _boundaries(image: Image, program: Program) -> dict[int, int]:
    """Return where charging changes: 0 all over the entry points, i + 1 at the start of layer i's function."""
    boundaries = {}
    for entry in program.entry_points:
        for part in image.symbols.parts(f"{program.name}_{entry}"):
            boundaries.update(dict.fromkeys(range(part.address, part.address + part.n_bytes, UNIT_BYTES), 0))
    for i, layer in enumerate(program.layers):
        for part in image.symbols.parts(layer.function):
            boundaries[part.address] = i + 1
    return boundaries
