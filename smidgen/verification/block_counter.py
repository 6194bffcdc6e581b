"""Count what an emulated core executes, by a native hook at the start of every block (block_counter.c).

The counts are exact. A conditional instruction counts whether or not its condition holds: it takes a cycle either way.
Each instruction is charged to one of several counters, which take over from each other at given addresses.
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from capstone import Cs, CsInsn
from numpy.typing import NDArray
from unicorn import UC_HOOK_BLOCK
from unicorn.unicorn_py3.unicorn import uclib  # the binding's own hook_add takes Python functions only

from smidgen.errors import ToolchainError
from smidgen.verification.image import Segment
from smidgen.verification.instruction_set import UNIT_BYTES, InstructionSet
from smidgen.verification.toolchain import build_block_counter

RUNNING, OVER_LIMIT, OUTSIDE_CODE, STACK_OVERFLOW = range(4)

_NOT_A_BOUNDARY = -1
_UNKNOWN = -1


class _State(ctypes.Structure):
    """Twin of `block_counter` in block_counter.c: same fields, same order."""

    _fields_ = (
        ("code_start", ctypes.c_uint64),
        ("n_units", ctypes.c_uint64),
        ("code", ctypes.c_void_p),
        ("boundary", ctypes.c_void_p),
        ("block_bytes", ctypes.c_void_p),
        ("block_instructions", ctypes.c_void_p),
        ("executions", ctypes.c_void_p),
        ("jumps", ctypes.c_void_p),
        ("instructions", ctypes.c_void_p),
        ("total", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("counter", ctypes.c_int32),
        ("ending", ctypes.c_int32),
        ("previous", ctypes.c_uint64),
        ("previous_end", ctypes.c_uint64),
        ("lowest_stack", ctypes.c_uint32),
        ("stack_limit", ctypes.c_uint32),
        ("stack_register", ctypes.c_int32),
        ("long_mask", ctypes.c_uint16),
        ("long_least", ctypes.c_uint16),
        ("read_register", ctypes.c_void_p),
        ("stop", ctypes.c_void_p),
    )


class BlockCounter:
    """The counts of the current or last call on one core."""

    def __init__(
        self,
        core: Any,
        instruction_set: InstructionSet,
        code: Segment,
        boundaries: Mapping[int, int],
        n_counters: int,
        folder: Path | None = None,
    ) -> None:
        """Hook `core`, which must not have run yet: a later hook misses the blocks that ran before.

        Args: boundaries: for an address at which a block may start, the counter that takes over there.
            folder: takes the compiled hook instead of the cache.
        """
        n_units = len(code.content) // UNIT_BYTES
        self._code = code
        self._units = np.frombuffer(code.content, dtype="<u2", count=n_units)
        self._boundary = np.full(n_units, _NOT_A_BOUNDARY, dtype=np.int32)
        for address, counter in boundaries.items():
            self._boundary[(address - code.address) // UNIT_BYTES] = counter
        self._block_bytes = np.zeros(n_units, dtype=np.uint32)
        self._block_instructions = np.zeros(n_units, dtype=np.uint32)
        self._executions = np.zeros(n_units, dtype=np.uint64)
        self._jumps = np.zeros(n_units, dtype=np.uint64)
        self.instructions = np.zeros(n_counters, dtype=np.uint64)
        self._state = _State(
            code_start=code.address,
            n_units=n_units,
            code=self._units.ctypes.data,
            boundary=self._boundary.ctypes.data,
            block_bytes=self._block_bytes.ctypes.data,
            block_instructions=self._block_instructions.ctypes.data,
            executions=self._executions.ctypes.data,
            jumps=self._jumps.ctypes.data,
            instructions=self.instructions.ctypes.data,
            stack_register=instruction_set.stack_register,
            long_mask=instruction_set.long_mask,
            long_least=instruction_set.long_least,
            read_register=ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p),
            stop=ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p),
        )
        self._costs: dict[Callable[[Sequence[CsInsn]], int], NDArray[np.int64]] = {}
        self._decoder = Cs(*instruction_set.capstone)
        self._decoder.detail = True
        self._library = ctypes.CDLL(str(build_block_counter(folder)))
        self._add_hook(core)

    def start(self, *, limit: int, stack_limit: int) -> None:
        """Set all counts to zero for a call; counter 0 is in charge.

        It is ended when it executes more than `limit` instructions or its stack pointer goes below `stack_limit`.
        """
        for counts in (self._executions, self._jumps, self.instructions):
            counts.fill(0)
        state = self._state
        state.total, state.limit, state.stack_limit = 0, limit, stack_limit
        state.counter, state.ending = 0, RUNNING
        state.previous, state.previous_end = state.n_units, 0
        state.lowest_stack = 0xFFFF_FFFF

    @property
    def counter(self) -> int:
        """The counter in charge."""
        return int(self._state.counter)

    @property
    def total(self) -> int:
        return int(self._state.total)

    @property
    def ending(self) -> int:
        """Why the hook ended the call; RUNNING when it did not."""
        return int(self._state.ending)

    @property
    def lowest_stack(self) -> int:
        """Least stack pointer at the start of a block."""
        return int(self._state.lowest_stack)

    @property
    def last_block(self) -> int:
        """Address of the block that was entered last."""
        return int(self._state.code_start + self._state.previous * UNIT_BYTES)

    def jumps(self) -> int:
        """Return how often another block than the next one in memory followed."""
        return int(self._jumps.sum())

    def weigh(self, cost: Callable[[Sequence[CsInsn]], int]) -> int:
        """Return the sum of `cost` over all blocks executed; a block is decoded, with details, and priced once."""
        costs = self._costs.setdefault(cost, np.full(len(self._units), _UNKNOWN, dtype=np.int64))
        executed = np.flatnonzero(self._executions)
        for unit in executed[costs[executed] == _UNKNOWN]:
            first = int(unit) * UNIT_BYTES
            content = self._code.content[first : first + int(self._block_bytes[unit])]
            costs[unit] = cost(list(self._decoder.disasm(content, self._code.address + first)))
        return int(costs[executed] @ self._executions[executed].astype(np.int64))

    def _add_hook(self, core: Any) -> None:
        handle = ctypes.c_size_t()
        always = (ctypes.c_uint64(1), ctypes.c_uint64(0))  # an empty range of addresses means all
        hook = ctypes.cast(self._library.count_block, ctypes.c_void_p)
        status = uclib.uc_hook_add(
            core._uch, ctypes.byref(handle), UC_HOOK_BLOCK, hook, ctypes.byref(self._state), *always
        )
        if status != 0:
            raise ToolchainError(f"unicorn does not take a block hook: status {status}")
