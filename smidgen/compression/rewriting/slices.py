"""A run of isomorphic slices read as the steps of a loop: what is handed on, what moves along time, what is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.repeats import LEAST_SLICES, SCATTERS, Run, Sequence, Tap, leaves


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What of the slices is read outside of them, by position within a slice: in every step, or in the last alone."""

    stacked: tuple[int, ...]
    last: tuple[int, ...]
    scattered: Mapping[int, int]  # a scatter's position -> that of what it writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """A run read as the steps of a loop; positions count from the beginning of a slice.

    `template` is the second slice, whose nodes become the body. `initial` holds, by position, the value that the first
    slice has where others have what the slice before computed. `frames` are the taps of the first slice by those of the
    template.
    """

    sequence: Sequence
    run: Run
    steps: int
    template: tuple[fx.Node, ...]
    initial: Mapping[int, fx.Node]
    frames: Mapping[Tap, Tap]
    batch: BatchAxis

    @classmethod
    def read(cls, sequence: Sequence, run: Run, batch: BatchAxis) -> "Slices | None":
        """Return the slices of a run, None where they are no steps of one loop."""
        period, length = run.period, run.stop - run.start
        template = tuple(sequence.nodes[run.start + period : run.start + 2 * period])
        initial = _initial(sequence, run)
        if initial is None or len(template) < period:
            return None
        frames = _frames(sequence, run, template, batch)
        if frames is None:
            return None
        rest = length % period
        room = min((_room(tap, run.direction) for tap in frames.values()), default=0)
        steps = length // period + (1 if rest and room > length // period else 0)
        if steps < LEAST_SLICES or room < steps:
            return None
        return cls(
            sequence=sequence, run=run, steps=steps, template=template, initial=initial, frames=frames, batch=batch
        )

    @property
    def nodes(self) -> list[fx.Node]:
        """Every node that belongs to a slice."""
        return self.sequence.nodes[self.run.start : min(self.run.stop, self.run.start + self.steps * self.run.period)]

    def place(self, node: fx.Node) -> tuple[int, int] | None:
        """Return the slice and the position in it at which a node stands, None for one outside."""
        index = self.sequence.position.get(node, -1) - self.run.start
        return divmod(index, self.run.period) if 0 <= index < len(self.nodes) else None

    def slot(self, step: int) -> int:
        """Return where along time stands what a step emits."""
        return step if self.run.direction > 0 else self.steps - 1 - step

    def instance(self, step: int, position: int) -> fx.Node | None:
        """Return a node of a slice; the last slice may lack those that nobody reads."""
        index = step * self.run.period + position
        return self.nodes[index] if index < len(self.nodes) else None

    def is_inside(self, user: fx.Node) -> bool:
        """Return whether a node is part of the slices, a tap that all its users have for themselves too."""
        if user in self.sequence.taps:
            return bool(user.users) and all(self.is_inside(other) for other in user.users)
        return self.place(user) is not None

    def moves(self, node: fx.Node) -> bool:
        """Return whether a slice's value is another in the next slice: computed there, a frame, or a part of either."""
        tap = self.sequence.taps.get(node)
        if tap is None:
            return self.place(node) is not None
        return tap in self.frames or self.moves(tap.source)

    def uses(self) -> Uses | None:
        """Find what is read outside; None where it is no tensor of samples."""
        scattered = {}
        for position, node in enumerate(self.template):
            if node.target in SCATTERS:
                written = self.place(node.args[1])  # type: ignore[arg-type]
                own = self.place(node.args[0])  # type: ignore[arg-type]
                if written is not None and own == (0, position) and written[0] == 1:
                    scattered[position] = written[1]
        read: dict[int, set[int]] = {}
        for node in self.nodes:
            step, position = self.place(node) or (0, 0)
            if not all(self.is_inside(user) for user in node.users):
                read.setdefault(position, set()).add(step)
        carried = set(self.initial)
        last, stacked = [], []
        for position, steps in sorted(read.items()):
            if position in scattered and steps == {self.steps - 1}:
                stacked.append(scattered[position])
            elif steps == {self.steps - 1} and position in carried:
                last.append(position)
            else:
                stacked.append(position)
        read_values = [self.template[position].meta["val"] for position in (*stacked, *last)]
        if not read or any(not isinstance(value, Tensor) or self.batch.of(value) != 0 for value in read_values):
            return None
        return Uses(stacked=tuple(dict.fromkeys(stacked)), last=tuple(last), scattered=scattered)

    def states(self, uses: Uses) -> list[int] | None:
        """Return the positions whose values are carried on, as far as what is read depends on them.

        None where a state would have no value before the first step, or one of another type.
        """
        needed: set[int] = set()
        waiting = [*uses.stacked, *uses.last]
        states: dict[int, None] = dict.fromkeys(uses.last)
        while waiting:
            position = waiting.pop()
            if position in needed:
                continue
            needed.add(position)
            for leaf in leaves(self.template[position]):
                for step, other in self._reached(leaf):
                    waiting.append(other)
                    if step == 0:
                        states[other] = None
        for state in states:
            value = self.template[state].meta["val"]
            if state not in self.initial or not isinstance(value, Tensor) or not value.is_floating_point():
                return None
            if self.batch.of(value) != 0:
                return None
        return list(states)

    def _reached(self, leaf: Any) -> list[tuple[int, int]]:
        """Return the slice (0 is that before the template) and the position of what an argument reads."""
        if not isinstance(leaf, fx.Node):
            return []
        if leaf in self.sequence.taps:
            return self._reached(self.sequence.taps[leaf].source)
        place = self.place(leaf)
        return [] if place is None else [place]


def _initial(sequence: Sequence, run: Run) -> dict[int, fx.Node] | None:
    """Return the values that the first slice has in place of what the slice before computed, by position.

    None where some value is handed on further than to the next slice, or the first slice has two of one.
    """
    found: dict[int, fx.Node] = {}

    def read(mine: Any, other: Any) -> bool:
        """Compare an argument of the first slice with that of the second."""
        if not isinstance(other, fx.Node):
            return True
        if other in sequence.taps and mine in sequence.taps:
            return read(sequence.taps[mine].source, sequence.taps[other].source)
        index = sequence.position.get(other, -1) - run.start
        if not 0 <= index < run.stop - run.start:
            return True
        step, position = divmod(index, run.period)
        if step == 1:
            return sequence.position.get(mine) == index - run.period + run.start
        if step != 0 or run.start <= sequence.position.get(mine, -1) < run.stop:
            return False
        known = found.setdefault(position, mine)
        return known is mine or sequence.same_value(known, mine)

    for index in range(run.start, min(run.start + run.period, run.stop - run.period)):
        pairs = zip(leaves(sequence.nodes[index]), leaves(sequence.nodes[index + run.period]), strict=True)
        if not all(read(mine, other) for mine, other in pairs):
            return None
    return found


def _frames(sequence: Sequence, run: Run, template: tuple[fx.Node, ...], batch: BatchAxis) -> dict[Tap, Tap] | None:
    """Return the taps of the first slice by those of the template, where the two differ; None if one is no frame."""
    pairs: list[tuple[Any, Any]] = []
    for index, node in enumerate(template):
        pairs += zip(leaves(sequence.nodes[run.start + index]), leaves(node), strict=True)
    frames = {}
    while pairs:
        mine, other = pairs.pop(0)
        first, second = (sequence.taps.get(leaf) if isinstance(leaf, fx.Node) else None for leaf in (mine, other))
        if first is None or second is None:
            continue
        if first.source is not second.source:
            pairs.append((first.source, second.source))
        elif first.index != second.index:
            if (batch.of(first.source.meta["val"]), first.axis > 0) not in ((0, True), (1, False)):
                return None
            frames[second] = first
    return frames


def _room(tap: Tap, direction: int) -> int:
    """Return how many frames there are from the first one on."""
    size: int = tap.source.meta["val"].shape[tap.axis]
    return size - tap.index if direction > 0 else tap.index + 1


