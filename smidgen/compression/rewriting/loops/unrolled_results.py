"""What read results of unrolled slices reads those of the loop: all of them stacked, one of them, the last state."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.loops.first_slice import JOINS
from smidgen.compression.rewriting.loops.nodes import LoopResults
from smidgen.compression.rewriting.loops.slices import Slices, Uses
from smidgen.compression.structure import arguments

aten = torch.ops.aten


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Neighbours among the operands of a join: what steps emitted, from one slot along time to another."""

    position: int  # within a slice
    first: int
    last: int  # below `first` where the join has them in the other order


@dataclass(frozen=True, slots=True)
class SliceResults:
    """The results of a loop by position within a slice."""

    loop: LoopResults
    states: Mapping[int, int]  # by position, which of the results is the last state
    emitted: Mapping[int, int]

    def last(self, position: int) -> fx.Node:
        """Return the state after the last step."""
        return self.loop.take(self.states[position])

    def stacked(self, position: int) -> fx.Node:
        """Return what all steps emitted, (b, t, ...)."""
        return self.loop.take(self.emitted[position])


def replace_results(slices: Slices, uses: Uses, results: SliceResults, insertion: Insertion) -> None:
    """Let everything outside of the slices read the loop instead."""
    for join in _joins(slices):
        _replace_join(slices, uses, results, join)
    for node in slices.nodes:
        outside = [user for user in node.users if user.users or user.op == "output"]  # others were replaced
        outside = [user for user in outside if not slices.is_inside(user)]
        if not outside:
            continue
        step, position = slices.place(node) or (0, 0)
        if position in uses.scattered:
            value = _written(slices, uses, results, insertion, node, position)
        elif position in uses.last:
            value = results.last(position)
        else:
            value = insertion.call(aten.select.int, results.stacked(position), 1, slices.slot(step))
        for user in outside:
            if user in slices.sequence.taps:  # it may stand in front of the loop
                assert callable(user.target)
                given = [value if argument is node else argument for argument in user.args]
                user.replace_all_uses_with(insertion.call(user.target, *given, **user.kwargs))
            else:
                user.replace_input_with(node, value)


def _joins(slices: Slices) -> list[fx.Node]:
    """Return the joins outside that read nodes of the slices."""
    users = dict.fromkeys(user for node in slices.nodes for user in node.users)
    return [user for user in users if user.target in JOINS and not slices.is_inside(user)]


def _replace_join(slices: Slices, uses: Uses, results: SliceResults, join: fx.Node) -> None:
    """Give a join of what several steps emitted the loop's stacked result in their place."""
    given = arguments(join)
    parts, is_stack = list(given["tensors"]), join.target is aten.stack.default
    rank = join.meta["val"].dim()
    axis = given["dim"] % rank
    found = list(_stretches(slices, uses, parts))
    if (axis == 0 and not is_stack) or not any(isinstance(item, Stretch) for item in found):
        return
    insertion = Insertion(join)
    joined = []
    for item in found:
        if isinstance(item, Stretch):
            joined.append(_moved(insertion, slices, results, item, axis, is_stack=is_stack))
        else:
            joined.append(insertion.call(aten.unsqueeze.default, item, axis) if is_stack else item)
    join.replace_all_uses_with(joined[0] if len(joined) == 1 else insertion.call(aten.cat.default, joined, axis))


def _stretches(slices: Slices, uses: Uses, parts: list[Any]) -> Iterator[fx.Node | Stretch]:
    """Yield operands of a join, those that neighbouring steps emitted as one stretch of at least two."""
    index = 0
    while index < len(parts):
        places = [_emitted(slices, uses, part) for part in parts[index:]]
        length, direction = 1, 0
        while length < len(places) and places[0] is not None and (other := places[length]) is not None:
            position, slot = places[0]
            step = other[1] - slot
            if other[0] != position or abs(step) != length or (direction and step * direction < 0):
                break
            direction, length = (1 if step > 0 else -1), length + 1
        if places[0] is not None and length > 1:
            position, first = places[0]
            yield Stretch(position=position, first=first, last=first + direction * (length - 1))
        else:
            yield parts[index]
        index += length


def _emitted(slices: Slices, uses: Uses, node: fx.Node) -> tuple[int, int] | None:
    """Return the position within a slice and the slot along time of what a step emits, None for anything else."""
    place = slices.place(node)
    return None if place is None or place[1] not in uses.stacked else (place[1], slices.slot(place[0]))


def _moved(
    insertion: Insertion, slices: Slices, results: SliceResults, item: Stretch, axis: int, *, is_stack: bool
) -> fx.Node:
    """Return what a stretch of steps emitted, (b, t, ...), as a join along `axis` has it."""
    value = results.stacked(item.position)
    low, high = sorted((item.first, item.last))
    if high - low + 1 < slices.steps:
        value = insertion.call(aten.slice.Tensor, value, 1, low, high + 1)
    if item.last < item.first:
        value = insertion.call(aten.flip.default, value, [1])
    value = _time_to(insertion, value, axis)
    return value if is_stack else insertion.call(aten.flatten.using_ints, value, axis, axis + 1)


def _time_to(insertion: Insertion, value: fx.Node, axis: int) -> fx.Node:
    """Return a tensor (b, t, ...) with time as another axis."""
    order = [i for i in range(value.meta["val"].dim()) if i != 1]
    order.insert(axis, 1)
    return value if axis == 1 else insertion.call(aten.permute.default, value, order)


def _written(
    slices: Slices, uses: Uses, results: SliceResults, insertion: Insertion, node: fx.Node, position: int
) -> fx.Node:
    """Return the tensor into which every step wrote what it emitted."""
    given = arguments(node)
    axis = given["dim"] % node.meta["val"].dim()
    value = _time_to(insertion, results.stacked(uses.scattered[position]), axis)
    if value.meta["val"].shape[axis] == node.meta["val"].shape[axis]:
        return value
    start = given["index"] % node.meta["val"].shape[axis]
    first = start - slices.steps + 1 if slices.slot(1) == 1 else start
    return insertion.call(
        aten.slice_scatter.default, slices.initial[position, 1], value, axis, first, first + slices.steps
    )
