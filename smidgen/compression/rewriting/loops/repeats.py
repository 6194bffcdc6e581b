"""Finding isomorphic slices: stretches of a graph that do the same with one frame after another.

An unrolled loop over time is a run of nodes with a period: node i + period does with the next frame, and with what its
slice was handed on, what node i does. Nodes that only take one element along an axis ("taps": select, a slice of one,
a part of unbind) are read as arguments, wherever they stand; everything else must follow in the same order.
"""

import operator
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from smidgen.compression.structure import arguments

aten = torch.ops.aten

#: Fewer slices stay as they are written.
LEAST_SLICES = 4

#: Operators that replace one element along an axis of their first argument; the position of that index.
SCATTERS: Mapping[object, int] = {aten.select_scatter.default: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap:
    """One element of `source` along `axis`; `keeps_axis`: which stays as an axis of one."""

    source: fx.Node
    axis: int
    index: int
    keeps_axis: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Nodes `start` to `stop` of a sequence with a period; the taps of each slice are `direction` from the last."""

    start: int
    stop: int
    period: int
    direction: int


def tap_of(node: fx.Node) -> Tap | None:
    """Return what one element a node takes, None where it does anything else."""
    if node.target is aten.select.int:
        source, axis, index = (arguments(node)[key] for key in ("self", "dim", "index"))
        return _tap(source, axis, index, keeps_axis=False)
    if node.target is aten.slice.Tensor:
        given = arguments(node)
        size = given["self"].meta["val"].shape[given["dim"]]
        if not isinstance(size, int) or not all(isinstance(given[key], int) for key in ("start", "end")):
            return None
        start, stop, step = slice(given["start"], given["end"], given["step"]).indices(size)
        return _tap(given["self"], given["dim"], start, keeps_axis=True) if stop - start == 1 and step == 1 else None
    if node.target is operator.getitem:
        split, index = node.args
        if isinstance(split, fx.Node) and isinstance(index, int):
            if split.target is aten.unbind.int:
                return _tap(split.args[0], arguments(split)["dim"], index, keeps_axis=False)
            if split.target is aten.split.Tensor and arguments(split)["split_size"] == 1:
                return _tap(split.args[0], arguments(split)["dim"], index, keeps_axis=True)
    return None


def _tap(source: Any, axis: int, index: Any, *, keeps_axis: bool) -> Tap | None:
    if not isinstance(source, fx.Node) or not isinstance(index, int):
        return None
    value = source.meta["val"]
    axis %= value.dim()
    size = value.shape[axis]
    return Tap(source=source, axis=axis, index=index % size, keeps_axis=keeps_axis) if isinstance(size, int) else None


def leaves(node: fx.Node) -> list[Any]:
    """Return every argument of a node, nested ones too, in order."""
    return pytree.tree_leaves((node.args, node.kwargs))


class Sequence:
    """The calls of a graph in order, without taps and sizes, and where they repeat."""

    def __init__(self, graph: fx.Graph, constants: Mapping[str, Tensor]) -> None:
        calls = [node for node in graph.nodes if node.op == "call_function"]
        self.taps = {node: tap for node in calls if (tap := tap_of(node)) is not None}
        self.nodes = [n for n in calls if n not in self.taps and not isinstance(n.meta.get("val"), torch.SymInt)]
        self.position = {node: index for index, node in enumerate(self.nodes)}
        self._constants = constants

    def runs(self) -> list[Run]:
        """Return the runs of isomorphic slices, the longest first."""
        found = {self._grown(*candidate) for candidate in set(self._candidates())}
        return sorted((run for run in found if run is not None), key=lambda run: run.start - run.stop)

    def _candidates(self) -> Iterator[tuple[int, int, int]]:
        """Yield (node, period, direction) where two slices may follow each other: at first uses of neighbour frames."""
        uses: dict[tuple[fx.Node, int], dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for node, tap in self.taps.items():
            if tap.source.name not in self._constants:
                users = [self.position[user] for user in node.users if user in self.position]
                if users:
                    uses[tap.source, tap.axis][tap.index].append(min(users))
        for by_index in uses.values():
            indices = sorted(by_index)
            if len(indices) >= LEAST_SLICES:
                middle = len(indices) // 2
                first, second = (min(by_index[i]) for i in (indices[middle - 1], indices[middle]))
                if indices[middle] == indices[middle - 1] + 1 and first != second:
                    yield min(first, second), abs(second - first), 1 if second > first else -1

    def _grown(self, seed: int, period: int, direction: int) -> Run | None:
        """Return the longest run around a node, None where it is too short."""
        start, least = seed, 0
        while start - 1 >= least:
            carried = self.initial_positions(start - 1, period, direction)
            if carried is None:
                break
            least = max([least, *(position + 1 for position in carried)])
            start = max(start - 1, least)
        stop = seed
        while stop + period < len(self.nodes) and self._follows(stop, start, period, direction):
            stop += 1
        length = stop + period - start
        if stop <= seed or length < LEAST_SLICES * period - period // 2:
            return None
        return Run(start=start, stop=stop + period, period=period, direction=direction)

    def _follows(self, index: int, start: int, period: int, direction: int) -> bool:
        carried = self.initial_positions(index, period, direction)
        return carried is not None and all(position < start for position in carried)

    def initial_positions(self, index: int, period: int, direction: int) -> list[int] | None:
        """Compare a node with that of the next slice; None where they differ.

        Returns where in the slice before the values would stand that the next slice is handed on, and this one has
        from elsewhere: they are the values before the first slice, if those positions lie before the run.
        """
        node, other = self.nodes[index], self.nodes[index + period]
        if node.target is not other.target or not _alike(node.meta.get("val"), other.meta.get("val")):
            return None
        mine, others = leaves(node), leaves(other)
        if len(mine) != len(others):
            return None
        carried = []
        for place, (a, b) in enumerate(zip(mine, others, strict=True)):
            if not isinstance(a, fx.Node) or not isinstance(b, fx.Node):
                expected = a + direction if SCATTERS.get(node.target) == place and isinstance(a, int) else a
                if type(a) is not type(b) or expected != b:
                    return None
            elif not self._goes_with(a, b, period, direction):
                expected_position = self.position.get(b, -1) - period
                if b not in self.position or expected_position >= index or not _alike(a.meta["val"], b.meta["val"]):
                    return None
                carried.append(expected_position)
        return carried

    def _goes_with(self, a: fx.Node, b: fx.Node, period: int, direction: int) -> bool:
        """Return whether b is to the next slice what a is to this one."""
        if a in self.position and b in self.position and self.position[b] - self.position[a] == period:
            return True
        if a is b:
            return True
        if a in self.taps and b in self.taps:
            mine, others = self.taps[a], self.taps[b]
            if (mine.axis, mine.keeps_axis) == (others.axis, others.keeps_axis):
                step = others.index - mine.index
                if mine.source is others.source:
                    return step in (0, direction)
                return step == 0 and self._goes_with(mine.source, others.source, period, direction)
            return False
        return self.same_value(a, b)

    def is_constant(self, node: fx.Node) -> bool:
        """Return whether no input reaches a node."""
        return node.name in self._constants

    def same_value(self, a: fx.Node, b: fx.Node) -> bool:
        """Return whether two nodes are one constant, or one size."""
        if a.name in self._constants and b.name in self._constants:
            return torch.equal(self._constants[a.name], self._constants[b.name])
        sizes = (a.meta.get("val"), b.meta.get("val"))
        return all(isinstance(size, torch.SymInt) for size in sizes) and str(sizes[0]) == str(sizes[1])


def _alike(a: Any, b: Any) -> bool:
    """Return whether two values have the same shapes and types."""
    mine, others = pytree.tree_leaves(a), pytree.tree_leaves(b)
    return len(mine) == len(others) and all(
        isinstance(x, Tensor) and isinstance(y, Tensor) and x.dtype == y.dtype and str(x.shape) == str(y.shape)
        for x, y in zip(mine, others, strict=True)
    )
