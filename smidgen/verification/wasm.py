"""Run a program as WebAssembly under Wasmtime, and measure what can be measured there.

The engine ends a call that leaves the linear memory, overflows the stack, which lies lowest in it, or does not return.
A write within the memory but outside of what the firmware was given changes paint that is looked at after each call. A
read there passes unseen; the emulated cores take that part, whose memory has gaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wasmtime import Config, Engine, Instance, Module, Store, Trap, TrapCode

from smidgen.codegen.bundle import Program
from smidgen.errors import FirmwareFault
from smidgen.targets import Target
from smidgen.verification.guarded import GuardedRunner, Pauses
from smidgen.verification.measurement import InvokeCount, LinkedSize
from smidgen.verification.memory import PAINT, Region, describe_address
from smidgen.verification.toolchain import WASM_STACK_BYTES, build_wasm

_PAGE_BYTES = 65536  # of linear memory
_GAP_BYTES = 4096  # painted, before and after each buffer
_ALIGNMENT = 16
_NULL_RANGE_BYTES = 1024  # the far end of the stack, where null pointers lead: no call may change it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Buffer:
    region: Region
    content: NDArray[np.uint8]  # a view of the linear memory
    writable: bool

    @property
    def address(self) -> int:
        return self.region.start


class WasmRunner(GuardedRunner):
    """A program in a WebAssembly instance, with painted gaps around its context and buffers."""

    label = "WebAssembly"

    def __init__(
        self, program: Program, target: Target, folder: Path | None = None, *, limit_operators: int = 1_000_000_000
    ) -> None:
        """Compile and instantiate. A call of more than `limit_operators` WebAssembly operators is a fault."""
        self._limit = limit_operators
        self._store = Store(_engine())
        built = build_wasm(program, target.core, folder)
        self._exports: Any = self._instantiate(built.program)
        context_bytes = self._instantiate(built.context_bytes)["context_bytes"](self._store)
        heap: int = self._exports["__heap_base"].value(self._store)
        sizes = [context_bytes, *(port.n_bytes for port in program.ports)]
        self._memory = self._grow(heap + sum(size + _GAP_BYTES + _ALIGNMENT for size in sizes) + _GAP_BYTES)
        self._memory[heap:] = PAINT
        self._next_address = heap + _GAP_BYTES
        self._buffers: list[_Buffer] = []
        size = LinkedSize(
            flash_bytes=built.program.stat().st_size,
            code_bytes=None,
            static_bytes=heap - WASM_STACK_BYTES,
            context_bytes=context_bytes,
            layer_flash_bytes=None,
        )
        super().__init__(program, target, size)
        ends = [heap, *(buffer.region.end for buffer in self._buffers)]
        starts = [*(buffer.region.start for buffer in self._buffers), len(self._memory)]
        self._gaps = [(start, self._memory[start:end]) for start, end in zip(ends, starts, strict=True)]

    def _instantiate(self, module: Path) -> Any:
        self._store.set_fuel(self._limit)
        return Instance(self._store, Module.from_file(_engine(), str(module)), []).exports(self._store)

    def _grow(self, n_bytes: int) -> NDArray[np.uint8]:
        """Return the linear memory with room for `n_bytes`; it must not grow again, as views of it are kept."""
        memory = self._exports["memory"]
        missing = -(-n_bytes // _PAGE_BYTES) - memory.size(self._store)
        if missing > 0:
            memory.grow(self._store, missing)
        return np.frombuffer(memory.get_buffer_ptr(self._store), dtype=np.uint8)

    def _map_buffer(self, name: str, n_bytes: int, *, writable: bool) -> _Buffer:
        start = -(-self._next_address // _ALIGNMENT) * _ALIGNMENT
        region = Region(name=name, start=start, end=start + n_bytes)
        self._next_address = region.end + _GAP_BYTES
        buffer = _Buffer(region=region, content=self._memory[start : region.end], writable=writable)
        self._buffers.append(buffer)
        return buffer

    def _call(self, entry: str, arguments: Sequence[int], *, occasion: str = "", pauses: Pauses | None = None) -> int:
        function = f"{self.program.name}_{entry}"
        read_only = [(buffer, buffer.content.copy()) for buffer in self._buffers if not buffer.writable]
        self._memory[:WASM_STACK_BYTES] = PAINT
        self._store.set_fuel(self._limit)
        try:
            status = int(self._exports[function](self._store, *arguments))
        except Trap as trap:
            raise self._fault(function, occasion, self._ending(trap)) from trap
        for start, gap in ((0, self._memory[:_NULL_RANGE_BYTES]), *self._gaps):
            if (gap != PAINT).any():
                self._report_write(function, occasion, start + int(np.argmax(gap != PAINT)))
        for buffer, before in read_only:
            if (buffer.content != before).any():
                self._report_write(function, occasion, buffer.address + int(np.argmax(buffer.content != before)))
        return status

    def _stack_bytes(self) -> int:
        """Return the part of the stack in linear memory; locals that the engine keeps to itself are not in it."""
        written = self._memory[:WASM_STACK_BYTES] != PAINT
        return WASM_STACK_BYTES - int(np.argmax(written)) if written.any() else 0

    def _count(self) -> list[InvokeCount]:
        return []  # WebAssembly operators are no instructions of a processor

    def _ending(self, trap: Trap) -> str:
        if trap.trap_code == TrapCode.OUT_OF_FUEL:
            return f"no return after {self._limit:,} operators"
        if trap.trap_code == TrapCode.MEMORY_OUT_OF_BOUNDS:
            return "access outside the linear memory, or stack overflow"
        return trap.message.splitlines()[-1].strip()

    def _report_write(self, function: str, occasion: str, address: int) -> None:
        where = describe_address(address, [buffer.region for buffer in self._buffers])
        self._memory[:_NULL_RANGE_BYTES] = PAINT
        for _, gap in self._gaps:
            gap[:] = PAINT  # so that the next call is judged by what it does itself
        raise self._fault(function, occasion, f"write at {where}")

    def _fault(self, function: str, occasion: str, what: str) -> FirmwareFault:
        when = f" {occasion}" if occasion else ""
        return FirmwareFault(f"{function} on {self.target.name}{when}: {what}")


@cache
def _engine() -> Engine:
    config = Config()
    config.consume_fuel = True
    config.signals_based_traps = False  # other emulators of this process handle SIGSEGV too; bounds are tested in code
    return Engine(config)
