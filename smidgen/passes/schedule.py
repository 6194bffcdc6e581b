"""The order of ops in which the fewest bytes are alive at once."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from smidgen.ir.graph import Graph
from smidgen.passes.liveness import Liveness
from smidgen.passes.loop_memory import aligned
from smidgen.passes.memory import plan_bodies, working_bytes

#: Sets of ops that are followed at a time. With more, the search is a beam; below it is exact.
_FOLLOWED = 256


@dataclass(frozen=True, slots=True)
class _Partial:
    """The best order found for a set of ops: its peak so far, the bytes alive behind it, and its last op."""

    peak: int
    live: int
    before: "_Partial | None"
    index: int  # of the last op

    def order(self) -> list[int]:
        """Return all ops of the order."""
        found, partial = [], self
        while partial.before is not None:
            found.append(partial.index)
            partial = partial.before
        return found[::-1]


def schedule(graph: Graph, *, is_body: bool = False, has_dsp: bool = True) -> Graph:
    """Return the graph with its ops, and those of loops' bodies, in an order whose peak of live bytes is the least.

    The order stays as it is where no other is better. Orders are searched by the sets of ops that they begin with: all
    sets of one size, then all that one op more makes of them. Args: as for `plan_memory`.
    """
    ops = (
        op if op.body is None else replace(op, body=schedule(op.body, is_body=True, has_dsp=has_dsp))
        for op in graph.ops
    )  # fmt: skip
    graph = replace(graph, ops=tuple(ops))
    working = working_bytes(graph, plan_bodies(graph, has_dsp=has_dsp), has_dsp=has_dsp)
    lives = _Lives(Liveness(graph, working, has_selftest=not is_body))
    as_it_is = lives.follow(range(len(graph.ops)))
    best = lives.search()
    if best.peak >= as_it_is.peak:
        return graph
    return replace(graph, ops=tuple(graph.ops[index] for index in best.order()))


class _Lives:
    """Bytes alive along orders of a graph's ops."""

    def __init__(self, liveness: Liveness) -> None:
        self.liveness = liveness
        ops = liveness.graph.ops
        producers = {name: index for index, op in enumerate(ops) for name in op.outputs}
        self.needs = [sum({1 << producers[name] for name in op.inputs if name in producers}) for op in ops]
        self.all = (1 << len(ops)) - 1

    def follow(self, order: range) -> _Partial:
        """Return the peak of a whole order."""
        partial, done = _Partial(0, 0, None, -1), 0
        for index in order:
            partial = self._after(partial, index, done)
            done |= 1 << index
        return partial

    def search(self) -> _Partial:
        """Return the best order of all ops that is found."""
        level = {0: _Partial(0, 0, None, -1)}
        while self.all not in level:
            following: dict[int, _Partial] = {}
            for done, partial in level.items():
                for index, after in self._next(partial, done):
                    known = following.get(done | 1 << index)
                    if known is None or after.peak < known.peak:
                        following[done | 1 << index] = after
            kept = sorted(following.items(), key=lambda item: (item[1].peak, item[1].live))[:_FOLLOWED]
            level = dict(kept)
        return level[self.all]

    def _next(self, partial: _Partial, done: int) -> Iterator[tuple[int, _Partial]]:
        """Yield the ops that may run next; only one where it costs nothing, as it may as well run now."""
        ready = [i for i, needs in enumerate(self.needs) if not done >> i & 1 and not needs & ~done]
        found = [(index, self._after(partial, index, done)) for index in ready]
        for index, after in found:
            if after.peak <= max(partial.peak, partial.live) and after.live <= partial.live:
                yield index, after
                return
        yield from found

    def _after(self, partial: _Partial, index: int, done: int) -> _Partial:
        """Return the order with one op more."""
        lives = self.liveness
        overwritten = lives.overwritten(index, done)
        made = sum(aligned(lives.n_bytes[owner]) for owner in self._born(index, done))
        if overwritten is not None:
            made -= aligned(lives.n_bytes[overwritten])
        during = partial.live + made
        freed = sum(aligned(lives.n_bytes[o]) for o in lives.dying(index, done) if o != overwritten)
        peak = max(partial.peak, during + aligned(lives.working_bytes[index]))
        return _Partial(peak, during - freed, partial, index)

    def _born(self, index: int, done: int) -> list[str]:
        """Return the owners that an op brings to life; a kept output may be alive before the op named after it."""
        lives = self.liveness
        earlier = lives.graph.ops
        return [
            owner for owner in lives.made[index]
            if not any(done >> i & 1 and owner in lives.made[i] for i in range(len(earlier)))
        ]  # fmt: skip
