"""One emulated core with an image in its flash: calls functions, turns what goes wrong into named faults.

Unicorn executes, a native hook counts (block_counter.py). Unicorn lets misaligned accesses pass; `host.run_isolated`
does not.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import (
    UC_ERR_EXCEPTION,
    UC_HOOK_MEM_INVALID,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_READ_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
    UC_PROT_EXEC,
    UC_PROT_READ,
    UC_PROT_WRITE,
)
from unicorn.unicorn_py3.unicorn import Uc, UcError

from smidgen.errors import FirmwareFault
from smidgen.verification.block_counter import OUTSIDE_CODE, OVER_LIMIT, STACK_OVERFLOW, BlockCounter
from smidgen.verification.image import Image, Segment
from smidgen.verification.instruction_set import instruction_set_of
from smidgen.verification.memory import PAGE_BYTES, PAINT, GuardedBuffer, Region, describe_address, whole_pages

_WORD_BYTES = 4
_ACCESSES = {
    UC_MEM_READ_UNMAPPED: "read",
    UC_MEM_WRITE_UNMAPPED: "write",
    UC_MEM_WRITE_PROT: "write to read-only memory",
    UC_MEM_FETCH_UNMAPPED: "jump",
    UC_MEM_FETCH_PROT: "jump into data",
}

_RETURN_PAGE = 0x1FFF_0000  # where the outermost function returns; from 0xE0000000 on, a core takes it for an exception
_CONTROL_PAGE = 0xE000_E000  # Arm's control registers, which the harness sets at reset
_BUFFER_PAGE = 0x2040_0000
_GAP_BYTES = 0x10_0000  # unmapped between two buffers, at least


class EmulatedCore:
    """A core that has executed the start-up code of an image."""

    def __init__(
        self,
        image: Image,
        counter_names: Sequence[str],
        boundaries: Mapping[int, int],
        *,
        limit_instructions: int,
        folder: Path | None = None,
    ) -> None:
        """Load `image` and boot it.

        Args: counter_names: what instructions are charged to; counter 0 is in charge when a call begins.
            boundaries: for an address at which a block may start, the counter that takes over there.
            limit_instructions: a call that executes more of them is a fault.
            folder: takes the compiled hook instead of the cache.
        """
        self.image = image
        self._counter_names = counter_names
        self._limit = limit_instructions
        self._set = instruction_set_of(image.target.core)
        self._unicorn: Any = Uc(*self._set.unicorn)
        self._unicorn.ctl_set_cpu_model(self._set.cpu_models[image.target.core.name])
        self._unicorn.mem_map(_RETURN_PAGE, PAGE_BYTES, UC_PROT_READ | UC_PROT_EXEC)
        self._regions: list[Region] = []
        self._map_flash()
        self._stack = self._map_stack()
        self._map_static_ram()
        self._buffers: list[GuardedBuffer] = []  # the core uses their memory as long as it lives
        self._next_page = _BUFFER_PAGE
        self._invalid_access = ""
        self._unicorn.hook_add(UC_HOOK_MEM_INVALID, self._note_invalid_access)
        self.counter = BlockCounter(self._unicorn, self._set, image.code, boundaries, len(counter_names), folder)
        self._boot()

    def map_buffer(self, name: str, n_bytes: int, *, writable: bool) -> GuardedBuffer:
        """Give the core a buffer far from all others."""
        buffer = GuardedBuffer(self._unicorn, name, n_bytes, page=self._next_page, writable=writable)
        self._next_page = whole_pages(buffer.region.end + _GAP_BYTES)
        self._regions.append(buffer.region)
        self._buffers.append(buffer)
        return buffer

    def call(
        self,
        function: str,
        arguments: Sequence[int] = (),
        *,
        occasion: str = "",
        pauses: Mapping[str, Callable[[], None]] | None = None,
    ) -> int:
        """Call a C function by the procedure call standard and return its result, an int.

        `pauses`: functions to stop at the entry of, in the order in which they are called, and what to do there.
        Raises FirmwareFault, with `occasion` in its message, when it does not return or touches what is not its own.
        """
        self._stack.content.fill(PAINT)
        registers = self._set.argument_registers
        in_registers, on_stack = arguments[: len(registers)], arguments[len(registers) :]
        below_top = -(-len(on_stack) * _WORD_BYTES // self._set.stack_alignment) * self._set.stack_alignment
        self._stack.content[-below_top or None :].view("<u4")[: len(on_stack)] = on_stack
        for register, argument in zip(registers, in_registers, strict=False):
            self._unicorn.reg_write(register, argument)
        self._unicorn.reg_write(self._set.stack_register, self._stack.region.end - below_top)
        self._unicorn.reg_write(self._set.return_register, _RETURN_PAGE | self._set.code_bit)

        self._invalid_access = ""
        self.counter.start(limit=self._limit, stack_limit=self._stack.region.start)
        next_address = self.image.symbols[function].address
        try:
            for entered, act in (pauses or {}).items():
                self._unicorn.ctl_flush_tb()  # blocks that were translated before would run past the stop
                self._unicorn.emu_start(next_address | self._set.code_bit, self.image.symbols[entered].address)
                next_address = self._unicorn.reg_read(self._set.program_counter)
                act()
            self._unicorn.emu_start(next_address | self._set.code_bit, _RETURN_PAGE)
        except UcError as error:
            # Where a RISC-V core takes an exception, Unicorn leaves its program counter beyond the instruction.
            place = self.counter.last_block if error.errno == UC_ERR_EXCEPTION else None
            raise self._fault(function, occasion, self._invalid_access or str(error), place) from error
        if self.counter.ending == OVER_LIMIT:
            raise self._fault(function, occasion, f"no return after {self.counter.total:,} instructions")
        if self.counter.ending == STACK_OVERFLOW:
            needed = self._stack.region.end - self.counter.lowest_stack
            raise self._fault(function, occasion, f"stack overflow: {needed:,} B, more than the stack has")
        if self.counter.ending == OUTSIDE_CODE:
            raise self._fault(function, occasion, "jump to what is not the program's code")
        return int(self._unicorn.reg_read(self._set.result_register))

    def stack_bytes(self) -> int:
        """Return the peak stack of the last call, arguments on the stack included.

        The deepest word that was written or, where a frame has parts that nothing wrote, the least stack pointer seen.
        """
        written = self._stack.content != PAINT
        deepest = len(written) - int(np.argmax(written)) if written.any() else 0
        return max(-(-deepest // _WORD_BYTES) * _WORD_BYTES, self._stack.region.end - self.counter.lowest_stack)

    def _map_flash(self) -> None:
        code = self.image.code
        constants = [segment for segment in self.image.segments if segment is not code]
        self._map_read_only("code", [code], UC_PROT_READ | UC_PROT_EXEC)
        if constants:
            self._map_read_only("constants", constants, UC_PROT_READ)

    def _map_read_only(self, name: str, segments: Sequence[Segment], access: int) -> None:
        start = min(segment.address for segment in segments)
        end = max(segment.address + len(segment.content) for segment in segments)
        first_page = start // PAGE_BYTES * PAGE_BYTES
        self._unicorn.mem_map(first_page, whole_pages(end) - first_page, access)
        for segment in segments:
            self._unicorn.mem_write(segment.address, segment.content)
        self._regions.append(Region(name=name, start=start, end=end))

    def _map_stack(self) -> GuardedBuffer:
        bottom, top = (self.image.symbols[f"image_stack_{end}"].address for end in ("limit", "top"))
        stack = GuardedBuffer(self._unicorn, "the stack", top - bottom, page=bottom, writable=True)
        self._regions.append(stack.region)
        return stack

    def _map_static_ram(self) -> None:
        start, end = (self.image.symbols[name].address for name in ("image_data_start", "image_bss_end"))
        if end > start:
            self._unicorn.mem_map(start, whole_pages(end - start), UC_PROT_READ | UC_PROT_WRITE)
            self._regions.append(Region(name="static data", start=start, end=end))

    def _boot(self) -> None:
        self._unicorn.mem_map(_CONTROL_PAGE, PAGE_BYTES, UC_PROT_READ | UC_PROT_WRITE)
        self.call("harness_reset")
        self._unicorn.mem_unmap(_CONTROL_PAGE, PAGE_BYTES)

    def _note_invalid_access(
        self, _core: object, access: int, address: int, size: int, _value: int, _data: object
    ) -> bool:
        """Keep the first of the accesses that one instruction makes; False lets the call end."""
        if not self._invalid_access:
            kind = _ACCESSES.get(access, f"access of kind {access}")
            self._invalid_access = f"{kind} of {size} B at {describe_address(address, self._regions)}"
            if 0 < self._stack.region.start - address <= _GAP_BYTES:
                self._invalid_access = f"stack overflow: {self._invalid_access}"
        return False

    def _fault(self, function: str, occasion: str, what: str, address: int | None = None) -> FirmwareFault:
        """Return the fault, at `address` or else at the program counter."""
        reached = self._unicorn.reg_read(self._set.program_counter) if address is None else address
        place = self.image.symbols.locate(reached)
        charged_to = self._counter_names[self.counter.counter]
        when = f" {occasion}" if occasion else ""
        return FirmwareFault(f"{function} on {self.image.target.name}{when}: {what}; in {place}, {charged_to}")
