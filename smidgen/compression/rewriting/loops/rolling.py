"""Loops over time that torch.export unrolled, rolled up again: isomorphic slices become one loop with states."""

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.loops.body import loop_body
from smidgen.compression.rewriting.loops.first_slice import Values, with_first_slice
from smidgen.compression.rewriting.loops.nodes import add_loop
from smidgen.compression.rewriting.loops.repeats import SCATTERS, Sequence, Tap, tap_of
from smidgen.compression.rewriting.loops.slices import Slices
from smidgen.compression.rewriting.loops.unrolled_results import SliceResults, replace_results
from smidgen.compression.structure import arguments

aten = torch.ops.aten


def roll_loops(graph: fx.Graph, constants: Mapping[str, Tensor], batch: BatchAxis, values: Values) -> bool:
    """Replace every unrolled loop over time by one node; return whether there was one.

    Slices that differ in an operator, a parameter or the order of frames stay as they are. `values` computes the graph
    for some inputs.
    """
    rolled = _read_what_was_written(graph)
    while True:
        sequence = Sequence(graph, constants)
        if not any(_roll(graph, Slices.read(sequence, run, batch), values) for run in sequence.runs()):
            return rolled
        rolled = True
        graph.eliminate_dead_code()


def _read_what_was_written(graph: fx.Graph) -> bool:
    """Let y[:, t] after y[:, t] = h be h, by which steps hand on what they write; return whether there was any."""
    found = False
    for node in graph.nodes:
        tap = tap_of(node) if node.op == "call_function" else None
        written = arguments(tap.source) if tap is not None and tap.source.target in SCATTERS else None
        if tap is None or written is None or tap.keeps_axis:
            continue
        shape = tap.source.meta["val"].shape
        if (written["dim"] % len(shape), written["index"] % shape[tap.axis]) == (tap.axis, tap.index):
            node.replace_all_uses_with(written["src"])
            found = True
    graph.eliminate_dead_code()
    return found


def _roll(graph: fx.Graph, slices: Slices | None, values: Values) -> bool:
    """Roll up one run if its slices can be the steps of one loop."""
    if slices is None:
        return False
    slices = with_first_slice(slices, values)
    uses = slices.uses()
    states = None if uses is None else slices.states(uses)
    if uses is None or states is None or not (states or _is_along_inputs(slices)):
        return False
    emitted = [slices.template[position] for position in uses.stacked]
    body, whole = loop_body(slices, states, emitted)
    insertion = Insertion(slices.nodes[-1].next, like=slices.nodes[0])
    frames = [_along_time(insertion, slices, tap) for tap in slices.frames.values()]
    first = [slices.initial[state] for state in states]
    made = add_loop(insertion, body, frames, first, whole, reverse=slices.direction < 0)
    made.node.meta["nn_module_stack"] = _common_stack(slices.nodes)
    lasts = {position: i for i, (position, lag) in enumerate(states) if lag == 1}
    stacked = {position: len(states) + i for i, position in enumerate(uses.stacked)}
    replace_results(slices, uses, SliceResults(made, lasts, stacked), insertion)
    return True


def _is_along_inputs(slices: Slices) -> bool:
    """Return whether frames are those of inputs: steps without states may else be heads, or parts of a picture."""
    return all(tap.source.op == "placeholder" and tap.axis == 1 for tap in slices.frames)


def _common_stack(nodes: list[fx.Node]) -> dict[str, Any]:
    """Return the modules within which all nodes were made, outermost first."""
    stacks = [list((node.meta.get("nn_module_stack") or {}).items()) for node in nodes]
    levels = takewhile(lambda level: all(entry == level[0] for entry in level), zip(*stacks, strict=False))
    return dict(level[0] for level in levels)


def _along_time(insertion: Insertion, slices: Slices, tap: Tap) -> fx.Node:
    """Return the frames that the loop takes, (b, t, ...)."""
    frames, rank = tap.source, tap.source.meta["val"].dim()
    if tap.axis != 1:
        order = [axis for axis in range(rank) if axis != tap.axis]
        order.insert(1, tap.axis)
        frames = insertion.call(aten.permute.default, frames, order)
    first = tap.index if slices.direction > 0 else tap.index - slices.steps + 1
    if slices.steps < frames.meta["val"].shape[1]:
        frames = insertion.call(aten.slice.Tensor, frames, 1, first, first + slices.steps)
    return frames
