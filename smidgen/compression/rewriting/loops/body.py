"""The body of a loop: one of its slices as a module of its own."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.loops.repeats import Tap, leaves
from smidgen.compression.rewriting.loops.slices import Slices, State

aten = torch.ops.aten


@dataclass(slots=True)
class _BodyWriter:
    """Copies the template's nodes into a graph of their own; what they read from elsewhere becomes its inputs."""

    slices: Slices
    graph: fx.Graph
    copies: dict[Any, fx.Node]
    held: dict[State, fx.Node] = field(default_factory=dict)

    def add_input(self, name: str, value: Any) -> fx.Node:
        """Add an input of the body that looks like `value`."""
        taken = {node.target for node in self.graph.nodes}
        unused = next(chosen for i in count() if (chosen := f"{name}_{i}" if i else name) not in taken)
        placeholder = self.graph.placeholder(unused)
        placeholder.meta["val"] = value
        return placeholder

    def value(self, node: fx.Node) -> fx.Node:
        """Return the body's node for one that the template reads."""
        if node not in self.copies:
            tap = self.slices.sequence.taps.get(node)
            if tap is not None and tap in self.slices.frames:
                self.copies[node] = self._frame(node, tap)
            else:
                self.copies[node] = self._copy(node)
        return self.copies[node]

    def _copy(self, node: fx.Node) -> fx.Node:
        """Copy a node; it is called as its like in the first slice, before modules were called again."""
        copied = self.graph.node_copy(node, self.value)
        place = self.slices.place(node)
        if place is not None:
            first = next(other for other, found in self.slices.places.items() if found[1] == place[1])
            copied.meta["nn_module_stack"] = first.meta.get("nn_module_stack")
        return copied

    def _frame(self, node: fx.Node, tap: Tap) -> fx.Node:
        frame = self.copies[tap]
        if not tap.keeps_axis:
            return frame
        kept = self.graph.call_function(aten.unsqueeze.default, (frame, tap.axis))
        kept.meta = dict(node.meta)
        return kept


def loop_body(
    slices: Slices, states: list[State], emitted: list[fx.Node]
) -> tuple[fx.GraphModule, list[fx.Node]]:  # fmt: skip
    """Return the template as a module: frames, states, whole tensors -> next states, what is emitted.

    Returns beside it what every step reads whole, in the order of the module's inputs.
    """
    writer = _BodyWriter(slices=slices, graph=fx.Graph(), copies={})
    for tap, first in slices.frames.items():
        value = first.source.meta["val"].select(first.axis, first.index)
        writer.copies[tap] = writer.add_input(f"{first.source.name}_frame", value)
    by_place = {place: node for node, place in slices.places.items()}
    for position, lag in states:
        node = slices.template[position]
        held = writer.add_input(f"{node.name}_state_{lag}", node.meta["val"])
        writer.held[position, lag] = held
        before = by_place.get((slices.model - lag, position))
        if before is not None:
            writer.copies[before] = held
    computed = [slices.template[position] for position, lag in states if lag == 1]
    whole, needed = _read_whole(slices, [*computed, *emitted])
    for node in whole:
        writer.copies[node] = writer.add_input(node.name, node.meta["val"])
    for node in slices.template:
        if node in needed:
            writer.value(node)
    following = [
        writer.value(slices.template[position]) if lag == 1 else writer.held[position, lag - 1]
        for position, lag in states
    ]
    writer.graph.output((*following, *(writer.value(node) for node in emitted)))
    return fx.GraphModule({}, writer.graph), whole


def _read_whole(slices: Slices, results: list[fx.Node]) -> tuple[list[fx.Node], set[fx.Node]]:
    """Return what the results depend on that no slice computes and that is no frame, and all that they depend on."""
    whole: dict[fx.Node, None] = {}
    needed: set[fx.Node] = set()
    waiting = list(results)
    while waiting:
        node = waiting.pop()
        if node in needed:
            continue
        needed.add(node)
        if not slices.moves(node):
            whole[node] = None
        elif slices.sequence.taps.get(node) in slices.frames:
            continue
        elif node in slices.sequence.taps or (slices.place(node) or (0, 0))[0] == slices.model:
            waiting += [leaf for leaf in leaves(node) if isinstance(leaf, fx.Node)]
    return list(whole), needed
