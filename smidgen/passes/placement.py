"""Blocks of bytes that are alive for a while, placed one above the other so that the highest ends as low as it can.

First fit in a few orders finds the least size for most graphs. Where it does not, the block that ended highest is
placed earlier, again and again; then orders are searched: a packing of least height exists in which every block lies on
the ground or on one that lives beside it, and first fit in order of height builds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.passes.loop_memory import aligned

#: Blocks tried in the search for a better order: some tenths of a second at most.
_SEARCHED = 20_000
_MOST_BLOCKS = 100
_PROMOTED = 100  # times


@dataclass(slots=True)
class Block:
    """Bytes of the arena and the span of op indices over which they are alive, ends included."""

    n_bytes: int
    first: int
    last: int
    offset: int = -1

    def meets(self, other: "Block") -> bool:
        """Return whether both are alive at some op."""
        return self.first <= other.last and other.first <= self.last


_Placed = list[tuple[Block, int]]


def live_bytes(blocks: Sequence[Block], index: int) -> int:
    """Return how many bytes are alive at an op: no arena is smaller than the most of them."""
    return sum(aligned(block.n_bytes) for block in blocks if block.first <= index <= block.last)


def place(blocks: Sequence[Block]) -> str:
    """Set the offset of every block; return why the highest ends above the most live bytes, "" where it does not."""
    bound = max((live_bytes(blocks, block.first) for block in blocks), default=0)
    orders = (
        sorted(blocks, key=lambda b: (-b.n_bytes, b.first)),
        sorted(blocks, key=lambda b: (-b.n_bytes * (b.last - b.first + 1), b.first)),
        sorted(blocks, key=lambda b: (b.first, -b.n_bytes)),
    )
    best = min((_stacked(order) for order in orders), key=_height)
    if _height(best) > bound:
        best = min(best, _promoted(orders[1], bound), key=_height)
    reason = ""
    if _height(best) > bound:
        search = _Search(orders[1], bound, _height(best))
        best = search.best or best
        if _height(best) > bound:
            tried = "no placement ends lower" if search.tries < _SEARCHED else f"none lower in {_SEARCHED} tries"
            reason = f"lives overlap so that {_height(best)} B are needed for {bound} B alive at once ({tried})"
    for block, offset in best:
        block.offset = offset
    return reason


def _stacked(order: Sequence[Block]) -> _Placed:
    """Return blocks with their offsets, each placed as low as those before it let it."""
    placed: _Placed = []
    for block in order:
        placed.append((block, _first_fit(block, placed)))
    return placed


def _promoted(blocks: Sequence[Block], bound: int) -> _Placed:
    """Return the lowest packing that comes from placing what ended highest earlier: halfway and first, in turn."""
    order = list(blocks)
    best = _stacked(order)
    for turn in range(_PROMOTED):
        placed = _stacked(order)
        best = min(best, placed, key=_height)
        if _height(best) == bound:
            break
        top, _ = max(placed, key=lambda entry: aligned(entry[1] + entry[0].n_bytes))
        index = next(i for i, block in enumerate(order) if block is top)
        order.insert(0 if turn % 2 else index // 2, order.pop(index))
    return best


def _height(placed: _Placed) -> int:
    return max((aligned(offset + block.n_bytes) for block, offset in placed), default=0)


def _first_fit(block: Block, placed: _Placed) -> int:
    offset = 0
    for other, start in sorted(placed, key=lambda entry: entry[1]):
        if block.meets(other):
            if offset + block.n_bytes <= start:
                break
            offset = max(offset, start + aligned(other.n_bytes))
    return offset


class _Search:
    """Depth first over the orders of blocks by height; `best` is the lowest packing below `height`, if any."""

    def __init__(self, blocks: Sequence[Block], bound: int, height: int) -> None:
        self.bound = bound
        self.height = height
        self.tries = 0
        self.best: _Placed | None = None
        if len(blocks) <= _MOST_BLOCKS:
            self._visit([], list(blocks), 0)
        else:
            self.tries = _SEARCHED

    def _visit(self, placed: _Placed, waiting: list[Block], ground: int) -> None:
        """Place one of the waiting blocks next, none of which may end up lower than `ground`."""
        if not waiting:
            self.best, self.height = list(placed), _height(placed)
            return
        self.tries += len(waiting)
        offsets = [max(ground, _first_fit(block, placed)) for block in waiting]
        if any(offset + aligned(b.n_bytes) >= self.height for b, offset in zip(waiting, offsets, strict=True)):
            return
        for index in sorted(range(len(waiting)), key=lambda i: offsets[i]):
            if self.height == self.bound or self.tries >= _SEARCHED:
                return
            block, offset = waiting[index], offsets[index]
            if offset == _first_fit(block, placed):
                self._visit([*placed, (block, offset)], waiting[:index] + waiting[index + 1 :], offset)
