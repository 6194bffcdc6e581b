"""Loops over time that torch.export unrolled, rolled up again: isomorphic slices become one loop with carried states."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.repeats import Run, Sequence, Tap, leaves
from smidgen.compression.rewriting.slices import Slices
from smidgen.compression.rewriting.unrolled_results import LoopResults, replace_results
from smidgen.models.loop import loop

aten = torch.ops.aten


def roll_loops(graph: fx.Graph, constants: Mapping[str, Tensor], batch: BatchAxis) -> bool:
    """Replace every unrolled loop over time by one node; return whether there was one.

    Slices that differ in an operator, a parameter or the order of frames stay as they are.
    """
    rolled = False
    while True:
        sequence = Sequence(graph, constants)
        if not any(_roll(graph, sequence, run, constants, batch) for run in sequence.runs()):
            return rolled
        rolled = True
        graph.eliminate_dead_code()


def _roll(
    graph: fx.Graph, sequence: Sequence, run: Run, constants: Mapping[str, Tensor], batch: BatchAxis
) -> bool:  # fmt: skip
    """Roll up one run if its slices can be the steps of one loop."""
    slices = Slices.read(sequence, run, batch)
    if slices is None:
        return False
    uses = slices.uses()
    states = None if uses is None else slices.states(uses)
    if uses is None or not states or not slices.frames:
        return False
    following = [slices.template[state] for state in states]
    emitted = [slices.template[position] for position in uses.stacked]
    body, whole = _body(slices, states, [*following, *emitted])
    origin = slices.nodes[-1].next
    insertion = Insertion(origin, like=slices.nodes[0])
    frames = [_along_time(insertion, slices, tap) for tap in slices.frames.values()]
    attribute = _added(insertion, graph, body)
    values = [node.meta["val"] for node in following]
    stacked = [
        (value := node.meta["val"]).new_empty(value.shape[0], slices.steps, *value.shape[1:]) for node in emitted
    ]
    first = [slices.initial[state] for state in states]
    node = insertion.call_like(loop, attribute, frames, first, whole, run.direction < 0, value=[*values, *stacked])
    node.meta["nn_module_stack"] = _common_stack(slices.nodes)
    positions = {position: len(states) + i for i, position in enumerate(uses.stacked)}
    results = LoopResults(insertion, node, {state: i for i, state in enumerate(states)}, positions)
    replace_results(slices, uses, results, insertion)
    return True


def _common_stack(nodes: list[fx.Node]) -> dict[str, Any]:
    """Return the modules within which all nodes were made, outermost first."""
    stacks = [list((node.meta.get("nn_module_stack") or {}).items()) for node in nodes]
    levels = takewhile(lambda level: all(entry == level[0] for entry in level), zip(*stacks, strict=False))
    return dict(level[0] for level in levels)


def _added(insertion: Insertion, graph: fx.Graph, body: fx.GraphModule) -> fx.Node:
    """Make a body part of the graph's module and return the node that stands for it."""
    owner = graph.owning_module
    assert owner is not None
    name = next(name for i in count() if not hasattr(owner, name := f"loop_body_{i}"))
    owner.add_module(name, body)
    return insertion.attribute(name)


def _along_time(insertion: Insertion, slices: Slices, tap: Tap) -> fx.Node:
    """Return the frames that the loop takes, (b, t, ...)."""
    frames, rank = tap.source, tap.source.meta["val"].dim()
    if tap.axis != 1:
        order = [axis for axis in range(rank) if axis != tap.axis]
        order.insert(1, tap.axis)
        frames = insertion.call(aten.permute.default, frames, order)
    first = tap.index if slices.run.direction > 0 else tap.index - slices.steps + 1
    if slices.steps < frames.meta["val"].shape[1]:
        frames = insertion.call(aten.slice.Tensor, frames, 1, first, first + slices.steps)
    return frames


@dataclass(slots=True)
class _BodyWriter:
    """Copies the template's nodes into a graph of their own; what they read from elsewhere becomes its inputs."""

    slices: Slices
    graph: fx.Graph
    copies: dict[Any, fx.Node]

    def add_input(self, name: str, value: Any) -> fx.Node:
        """Add an input of the body that looks like `value`."""
        placeholder = self.graph.placeholder(name)
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
            first = self.slices.instance(0, place[1])
            assert first is not None
            copied.meta["nn_module_stack"] = first.meta.get("nn_module_stack")
        return copied

    def _frame(self, node: fx.Node, tap: Tap) -> fx.Node:
        frame = self.copies[tap]
        if not tap.keeps_axis:
            return frame
        kept = self.graph.call_function(aten.unsqueeze.default, (frame, tap.axis))
        kept.meta = dict(node.meta)
        return kept


def _body(slices: Slices, states: list[int], results: list[fx.Node]) -> tuple[fx.GraphModule, list[fx.Node]]:
    """Return the template as a module of its own, and what every step reads whole."""
    writer = _BodyWriter(slices=slices, graph=fx.Graph(), copies={})
    before = slices.sequence.nodes[slices.run.start : slices.run.start + slices.run.period]
    for tap, first in slices.frames.items():
        value = first.source.meta["val"].select(first.axis, first.index)
        writer.copies[tap] = writer.add_input(f"{first.source.name}_frame", value)
    for state in states:
        node = slices.template[state]
        writer.copies[before[state]] = writer.add_input(f"{node.name}_state", node.meta["val"])
    whole, needed = _read_whole(slices, results)
    for node in whole:
        writer.copies[node] = writer.add_input(node.name, node.meta["val"])
    for node in slices.template:
        if node in needed:
            writer.value(node)
    writer.graph.output(tuple(writer.value(node) for node in results))
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
        elif node in slices.sequence.taps or (slices.place(node) or (0, 0))[0] == 1:
            waiting += [leaf for leaf in leaves(node) if isinstance(leaf, fx.Node)]
    return list(whole), needed
