"""A run of isomorphic slices read as the steps of a loop: what is handed on, what moves along time, what is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.loops.repeats import LEAST_SLICES, SCATTERS, Run, Sequence, Tap, leaves

#: A value that is handed on: its position within a slice, and how many slices later it is read.
State = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What of the slices is read outside of them, by position within a slice: in every step, or in the last alone."""

    stacked: tuple[int, ...]
    last: tuple[int, ...]
    scattered: Mapping[int, int]  # a scatter's position -> that of what it writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """A run read as the steps of a loop; positions count from the beginning of a slice.

    `template` is the slice whose nodes become the body, number `model`. `initial` holds what slices have that stand too
    near to the first for what they are handed on. `frames` are the taps of the first slice by those of the template.
    """

    sequence: Sequence
    direction: int
    steps: int
    model: int
    places: Mapping[fx.Node, tuple[int, int]]  # the slice and the position in it
    template: tuple[fx.Node, ...]
    initial: Mapping[State, fx.Node]
    frames: Mapping[Tap, Tap]
    batch: BatchAxis

    @classmethod
    def read(cls, sequence: Sequence, run: Run, batch: BatchAxis) -> "Slices | None":
        """Return the slices of a run, None where they are no steps of one loop."""
        return cls._read(sequence, run, batch) or cls._read(sequence, _from_the_end(run), batch)

    @classmethod
    def _read(cls, sequence: Sequence, run: Run, batch: BatchAxis) -> "Slices | None":
        whole, rest = divmod(run.stop - run.start, run.period)
        model = whole // 2
        nodes = sequence.nodes[run.start : run.stop]
        places = {node: divmod(index, run.period) for index, node in enumerate(nodes)}
        places |= _rest(sequence, run, places)
        template = tuple(nodes[model * run.period : (model + 1) * run.period])
        reading = _Reading(sequence=sequence, direction=run.direction, model=model, places=places, template=template)
        if model < 1 or not reading.find_frames(batch):
            return None
        room = min((_room(tap, run.direction) for tap in reading.frames.values()), default=0)
        steps = min(whole + any(step == whole for step, _ in places.values()), room)
        reading.places = {node: place for node, place in places.items() if place[0] < steps}
        left_over = rest > 0 and steps == whole  # the run begins within a slice: with the end of one unlike the others
        if steps < max(LEAST_SLICES, whole) or left_over or not reading.is_one_loop():
            return None
        return cls(
            sequence=sequence, direction=run.direction, steps=steps, model=model, places=reading.places,
            template=template, initial=reading.initial, frames=reading.frames, batch=batch,
        )  # fmt: skip

    @property
    def nodes(self) -> list[fx.Node]:
        """Every node that belongs to a slice."""
        return list(self.places)

    def place(self, node: fx.Node) -> tuple[int, int] | None:
        """Return the slice and the position in it at which a node stands, None for one outside."""
        return self.places.get(node)

    def slot(self, step: int) -> int:
        """Return where along time stands what a step emits."""
        return step if self.direction > 0 else self.steps - 1 - step

    def is_inside(self, user: fx.Node) -> bool:
        """Return whether a node is part of the slices, or computes for nobody else."""
        if self.place(user) is not None:
            return True
        return user.op == "call_function" and bool(user.users) and all(self.is_inside(other) for other in user.users)

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
                into, written = (self.place(argument) for argument in node.args[:2])  # type: ignore[arg-type]
                if written is not None and into == (self.model - 1, position) and written[0] == self.model:
                    scattered[position] = written[1]
        read: dict[int, set[int]] = {}
        for node, (step, position) in self.places.items():
            if not all(self.is_inside(user) for user in node.users):
                read.setdefault(position, set()).add(step)
        last, stacked = [], []
        for position, steps in sorted(read.items()):
            is_last = steps == {self.steps - 1}
            if is_last and position in scattered:
                stacked.append(scattered[position])
            elif is_last and (position, 1) in self.initial:
                last.append(position)
            else:
                stacked.append(position)
        values = [self.template[position].meta["val"] for position in (*stacked, *last)]
        if not values or any(not isinstance(value, Tensor) or self.batch.of(value) != 0 for value in values):
            return None
        return Uses(stacked=tuple(dict.fromkeys(stacked)), last=tuple(last), scattered=scattered)

    def states(self, uses: Uses) -> list[State] | None:
        """Return what is handed on, as far as what is read depends on it, what is read sooner first.

        None where a state would have no value before the first step, or is not made of real numbers.
        """
        needed: set[int] = set()
        states: set[State] = {(position, 1) for position in uses.last}
        waiting = [*uses.stacked, *uses.last]
        while waiting:
            position = waiting.pop()
            if position in needed:
                continue
            needed.add(position)
            for step, other in self._reached(self.template[position]):
                waiting.append(other)
                states.update((other, lag) for lag in range(1, self.model - step + 1))
        for position, lag in states:
            value = self.template[position].meta["val"]
            real = isinstance(value, Tensor) and value.is_floating_point() and self.batch.of(value) == 0
            if (position, lag) not in self.initial or not real:
                return None
        return sorted(states, key=lambda state: (state[1], state[0]))

    def _reached(self, node: fx.Node) -> Iterator[tuple[int, int]]:
        """Yield the slice and the position of everything in the slices that a node reads."""
        for leaf in leaves(node):
            while isinstance(leaf, fx.Node) and leaf in self.sequence.taps:
                leaf = self.sequence.taps[leaf].source
            place = self.place(leaf) if isinstance(leaf, fx.Node) else None
            if place is not None:
                yield place

    def with_one_before(self, initial: Mapping[State, fx.Node], nodes: Mapping[fx.Node, int]) -> "Slices":
        """Return the slices with one in front, which is known by some of its `nodes` and begins from other values."""
        frames = {tap: replace(first, index=first.index - self.direction) for tap, first in self.frames.items()}
        places = {node: (0, position) for node, position in nodes.items()}
        places |= {node: (step + 1, position) for node, (step, position) in self.places.items()}
        return replace(
            self, steps=self.steps + 1, model=self.model + 1, places=places, initial=initial, frames=frames
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Compares every slice with the template, and so finds what is handed on and what moves along time."""

    sequence: Sequence
    direction: int
    model: int
    places: Mapping[fx.Node, tuple[int, int]]
    template: tuple[fx.Node, ...]
    frames: dict[Tap, Tap] = field(default_factory=dict)
    initial: dict[State, fx.Node] = field(default_factory=dict)

    def find_frames(self, batch: BatchAxis) -> bool:
        """Find the taps that move along time; return whether all of them can be frames."""
        before = {position: node for node, (step, position) in self.places.items() if step == self.model - 1}
        pairs: list[tuple[Any, Any]] = []
        for position, node in enumerate(self.template):
            pairs += zip(leaves(before[position]), leaves(node), strict=True)
        while pairs:
            first, second = (
                self.sequence.taps.get(leaf) if isinstance(leaf, fx.Node) else None for leaf in pairs.pop(0)
            )
            if first is None or second is None:
                continue
            if first.source is not second.source:
                pairs.append((first.source, second.source))
            elif first.index != second.index:
                if (batch.of(first.source.meta["val"]), first.axis > 0) not in ((0, True), (1, False)):
                    return False
                self.frames[second] = replace(second, index=second.index - self.model * self.direction)
        return bool(self.frames) and all(tap.index >= 0 for tap in self.frames.values())

    def is_one_loop(self) -> bool:
        """Return whether every slice does what the template does, with its own frames and what it is handed on."""
        for node, (step, position) in self.places.items():
            given, model = leaves(node), leaves(self.template[position])
            indexed = SCATTERS.get(node.target)
            pairs = enumerate(zip(given, model, strict=True))
            if not all(self._agree(step, mine, other, is_index=place == indexed) for place, (mine, other) in pairs):
                return False
        return True

    def _agree(self, step: int, mine: Any, other: Any, *, is_index: bool) -> bool:
        """Compare an argument in a slice with that in the template."""
        later = (step - self.model) * self.direction
        if not isinstance(mine, fx.Node) or not isinstance(other, fx.Node):
            expected = other + later if is_index and isinstance(other, int) else other
            return type(mine) is type(other) and bool(mine == expected)
        if other in self.places:
            return self._is_handed_on(step, mine, self.places[other])
        if mine in self.sequence.taps and other in self.sequence.taps:
            tap, model = self.sequence.taps[mine], self.sequence.taps[other]
            expected = model.index + (later if model in self.frames else 0)
            if (tap.axis, tap.keeps_axis, tap.index) != (model.axis, model.keeps_axis, expected):
                return False
            return tap.source is model.source or self._agree(step, tap.source, model.source, is_index=False)
        return mine is other or self.sequence.same_value(mine, other)

    def _is_handed_on(self, step: int, mine: fx.Node, place: tuple[int, int]) -> bool:
        lag, position = self.model - place[0], place[1]
        if step >= lag:
            return self.places.get(mine) == (step - lag, position)
        if mine in self.places:
            return False
        known = self.initial.setdefault((position, lag - step), mine)
        return known is mine or self.sequence.same_value(known, mine)


def _rest(
    sequence: Sequence, run: Run, places: Mapping[fx.Node, tuple[int, int]]
) -> dict[fx.Node, tuple[int, int]]:  # fmt: skip
    """Return the places of nodes behind a run that go on with its last slice, which lacks what nobody reads."""
    last, position = divmod(run.stop - run.start, run.period)
    before = sequence.nodes[run.start + (last - 1) * run.period : run.start + last * run.period]
    known = dict(places)
    found: dict[fx.Node, tuple[int, int]] = {}
    for node in sequence.nodes[run.stop :]:
        following = range(position, run.period)
        position = next(
            (p for p in following if _goes_on(sequence, run, known, before[p], node)), run.period
        )  # fmt: skip
        if position == run.period:
            break
        known[node] = found[node] = (last, position)
        position += 1
    computed = any(not sequence.is_constant(node) for node in found)
    return found if computed else {}


def _goes_on(
    sequence: Sequence, run: Run, places: Mapping[fx.Node, tuple[int, int]], before: fx.Node, node: fx.Node
) -> bool:
    """Return whether a node does for the next slice what `before` does for its own."""
    mine, others = leaves(before), leaves(node)
    if before.target is not node.target or len(mine) != len(others):
        return False

    def follows(a: Any, b: Any, step: int) -> bool:
        if not isinstance(a, fx.Node) or not isinstance(b, fx.Node):
            return type(a) is type(b) and bool((a + step if step else a) == b)
        if a in sequence.taps and b in sequence.taps:
            first, second = sequence.taps[a], sequence.taps[b]
            if (first.axis, first.keeps_axis) != (second.axis, second.keeps_axis):
                return False
            if first.source is second.source:
                return second.index - first.index in (0, run.direction)
            return first.index == second.index and follows(first.source, second.source, 0)
        if a in places and b in places:
            return (places[a][0] + 1, places[a][1]) == places[b]
        return a is b or sequence.same_value(a, b)

    indexed = SCATTERS.get(node.target)
    return all(
        follows(a, b, run.direction if place == indexed else 0)
        for place, (a, b) in enumerate(zip(mine, others, strict=True))
    )


def _from_the_end(run: Run) -> Run:
    """Return the run without what is left when it is cut into slices from its end."""
    return replace(run, start=run.start + (run.stop - run.start) % run.period)


def _room(tap: Tap, direction: int) -> int:
    """Return how many frames there are from the first one on."""
    size: int = tap.source.meta["val"].shape[tap.axis]
    return size - tap.index if direction > 0 else tap.index + 1
