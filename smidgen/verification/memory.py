"""Emulated RAM in which every byte beyond a buffer's end faults and every byte before its start is watched."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from unicorn import UC_PROT_READ, UC_PROT_WRITE

PAGE_BYTES = 4096  # granularity of the emulator's memory
PAINT = 0xA5  # content of memory that nothing has written yet

_NULL_RANGE_BYTES = PAGE_BYTES  # addresses that a null pointer plus an index or a member gives


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A named range of addresses, for messages."""

    name: str
    start: int
    end: int  # one past the last byte


class GuardedBuffer:
    """A buffer in pages of its own, shared with the emulated core, that ends where its last page ends.

    What lies after it is not mapped: the first byte written or read there faults. What lies before it in its first page
    is painted, and `damaged_before` tells whether the paint is intact. The size of a C type is a multiple of its
    alignment, so the start is as aligned as the type needs, and no more.
    """

    def __init__(self, core: Any, name: str, n_bytes: int, *, page: int, writable: bool) -> None:
        """Map the buffer at the page address `page`. The host may always write; the firmware where `writable`."""
        mapped_bytes = whole_pages(n_bytes)
        unaligned = np.empty(mapped_bytes + PAGE_BYTES, dtype=np.uint8)
        first = -unaligned.ctypes.data % PAGE_BYTES
        pages = unaligned[first : first + mapped_bytes]
        pages.fill(PAINT)
        core.mem_map_ptr(page, mapped_bytes, UC_PROT_READ | (UC_PROT_WRITE if writable else 0), pages.ctypes.data)
        self.content: NDArray[np.uint8] = pages[mapped_bytes - n_bytes :]
        self._before = pages[: mapped_bytes - n_bytes]
        self._intact = self._before.tobytes()
        self.region = Region(name=name, start=page + mapped_bytes - n_bytes, end=page + mapped_bytes)

    @property
    def address(self) -> int:
        return self.region.start

    def damaged_before(self) -> int | None:
        """Return how far before the start the first byte lies that the firmware changed, None when all are intact."""
        if self._before.tobytes() == self._intact:
            return None
        return len(self._before) - int(np.argmax(self._before != PAINT))


def whole_pages(n_bytes: int) -> int:
    """Return `n_bytes`, or an address, rounded up to whole pages."""
    return -(-n_bytes // PAGE_BYTES) * PAGE_BYTES


def describe_address(address: int, regions: Iterable[Region]) -> str:
    """Say where an address lies: in a region, or how far from the nearest one; the first byte past an end is 1 past."""
    if address < _NULL_RANGE_BYTES:
        return f"{address:#010x}, {address} bytes from a null pointer"
    nearest = min(regions, key=lambda region: max(region.start - address, address - region.end + 1, 0))
    if address < nearest.start:
        return f"{address:#010x}, {nearest.start - address} bytes before the start of {nearest.name}"
    if address >= nearest.end:
        return f"{address:#010x}, {address - nearest.end + 1} bytes past the end of {nearest.name}"
    return f"{address:#010x}, byte {address - nearest.start} of {nearest.name}"
