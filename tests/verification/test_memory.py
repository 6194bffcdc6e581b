"""Guarded buffers end where their page ends, and addresses are described by what lies nearest."""

import pytest
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB
from unicorn.unicorn_py3.unicorn import Uc

from smidgen.verification.memory import PAGE_BYTES, PAINT, GuardedBuffer, Region, describe_address

REGIONS = [
    Region(name="code", start=0x0800_0000, end=0x0800_0400),
    Region(name="y", start=0x2000_0FF0, end=0x2000_1000),
]


@pytest.mark.parametrize(
    ("address", "description"),
    [
        (0, "0x00000000, 0 bytes from a null pointer"),
        (12, "0x0000000c, 12 bytes from a null pointer"),
        (0x0800_0000, "0x08000000, byte 0 of code"),
        (0x0800_03FF, "0x080003ff, byte 1023 of code"),
        (0x0800_0400, "0x08000400, 1 bytes past the end of code"),
        (0x2000_0FEF, "0x20000fef, 1 bytes before the start of y"),
        (0x2000_100B, "0x2000100b, 12 bytes past the end of y"),
        (0x1FFF_FFFF, "0x1fffffff, 4081 bytes before the start of y"),
    ],
)
def test_an_address_is_described_by_the_nearest_region(address: int, description: str) -> None:
    """Inside, right before, right after and far from the regions."""
    assert describe_address(address, REGIONS) == description


@pytest.mark.parametrize("n_bytes", [1, 31, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1])
def test_a_buffer_ends_at_the_end_of_its_pages(n_bytes: int) -> None:
    """Host and core see the same bytes, the last of them is the last that is mapped."""
    core = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    buffer = GuardedBuffer(core, "y", n_bytes, page=0x2000_0000, writable=True)
    assert (buffer.region.end % PAGE_BYTES, buffer.region.end - buffer.address) == (0, n_bytes)
    assert [end for _start, end, _access in core.mem_regions()] == [buffer.region.end - 1]
    buffer.content[:] = 7
    assert bytes(core.mem_read(buffer.address, n_bytes)) == bytes([7]) * n_bytes


def test_damage_before_a_buffer_is_seen_and_told() -> None:
    """The byte farthest from the start that changed is the one that is told; the buffer itself may change."""
    core = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    buffer = GuardedBuffer(core, "y", 32, page=0x2000_0000, writable=True)
    core.mem_write(buffer.address, bytes(32))
    assert buffer.damaged_before() is None
    core.mem_write(buffer.address - 2, b"\1")
    core.mem_write(buffer.address - 9, bytes([PAINT]))
    assert buffer.damaged_before() == 2
