"""Blocks that live together never share a byte, and the arena is as small as any order of first fit makes it."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.passes import placement
from smidgen.passes.loop_memory import aligned
from smidgen.passes.placement import Block, live_bytes, place


@st.composite
def lives(draw: st.DrawFn, most: int) -> list[tuple[int, int, int]]:
    """Sizes with first and last op."""
    spans = st.tuples(st.integers(1, 40), st.integers(0, 7), st.integers(0, 4))
    drawn = draw(st.lists(spans, min_size=1, max_size=most))
    return [(size, first, first + length) for size, first, length in drawn]


def height(blocks: list[Block]) -> int:
    return max(aligned(block.offset + block.n_bytes) for block in blocks)


def bound_of(blocks: list[Block]) -> int:
    return max(live_bytes(blocks, index) for index in range(16))


def stacked(order: tuple[tuple[int, int, int], ...]) -> int:
    """Return the height of first fit, told apart from the code under test: byte by byte."""
    used: list[set[int]] = [set() for _ in range(16)]
    top = 0
    for size, first, last in order:
        size = aligned(size)
        taken = set().union(*used[first : last + 1])
        offset = next(o for o in range(0, 10_000, 4) if not taken & set(range(o, o + size)))
        for index in range(first, last + 1):
            used[index] |= set(range(offset, offset + size))
        top = max(top, offset + size)
    return top


@given(drawn=lives(12))
def test_blocks_that_live_together_do_not_meet(drawn: list[tuple[int, int, int]]) -> None:
    """Every pair alive at one op is disjoint and aligned; a gap above the live bytes has its reason, none has none."""
    blocks = [Block(*life) for life in drawn]
    reason = place(blocks)
    for index, a in enumerate(blocks):
        assert a.offset >= 0
        assert a.offset % 4 == 0
        for b in blocks[:index]:
            if a.meets(b):
                assert a.offset >= b.offset + b.n_bytes or b.offset >= a.offset + a.n_bytes
    assert height(blocks) >= bound_of(blocks)
    assert bool(reason) == (height(blocks) > bound_of(blocks))


@given(drawn=lives(5))
def test_no_order_of_first_fit_is_lower(drawn: list[tuple[int, int, int]]) -> None:
    """Tried in full for up to five blocks."""
    blocks = [Block(*life) for life in drawn]
    place(blocks)
    assert height(blocks) == min(stacked(order) for order in permutations(drawn))


#: Lives for which first fit by size, by size and life, and by first use needs 40 bytes; 36 are alive at once.
MISSED = ((12, 5, 7), (4, 4, 4), (16, 0, 3), (16, 2, 5), (8, 5, 7))


#: The same for a dilated convolutional network with skip connections, which the search alone gives up on.
SKIPS = (
    (256, 0, 26), (256, 1, 2), (272, 2, 5), (272, 3, 4), (128, 4, 7), (272, 5, 6), (128, 6, 8), (256, 7, 12),
    (256, 8, 9), (256, 10, 11), (256, 12, 37), (256, 13, 14), (288, 14, 17), (288, 15, 16), (128, 16, 19),
    (288, 17, 18), (128, 18, 20), (256, 19, 24), (256, 20, 21), (256, 22, 23), (256, 24, 25), (256, 26, 27),
    (320, 27, 30), (320, 28, 29), (128, 29, 32), (320, 30, 31), (128, 31, 33), (256, 32, 35), (256, 33, 34),
    (256, 35, 36), (128, 37, 38), (128, 38, 38),
)  # fmt: skip


def test_what_ends_highest_is_placed_earlier() -> None:
    """The most live bytes are enough, in some tens of packings."""
    blocks = [Block(*life) for life in SKIPS]
    assert place(blocks) == ""
    assert max(aligned(block.offset + block.n_bytes) for block in blocks) == 1216


def test_the_search_finds_what_simple_orders_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most live bytes are enough; without a turn of placing earlier."""
    monkeypatch.setattr(placement, "_PROMOTED", 0)
    blocks = [Block(*life) for life in MISSED]
    assert place(blocks) == ""
    assert height(blocks) == bound_of(blocks) == 36


def test_a_gap_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search gives up, the reason names what is needed, what is alive, and how far it went."""
    monkeypatch.setattr(placement, "_SEARCHED", 1)
    monkeypatch.setattr(placement, "_PROMOTED", 0)
    blocks = [Block(*life) for life in MISSED]
    assert place(blocks) == "lives overlap so that 40 B are needed for 36 B alive at once (none lower in 1 tries)"
    assert height(blocks) == 40
