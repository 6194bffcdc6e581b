"""A loop as a node of the float graph: its body becomes a part of the module, its results are taken where needed."""

import operator
from collections.abc import Sequence
from itertools import count
from typing import Any

from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.models.loop import loop


class LoopResults:
    """The results of one loop, last states and then what was emitted, taken out of its node where they are read."""

    def __init__(self, insertion: Insertion, node: fx.Node) -> None:
        self._insertion, self.node = insertion, node
        self._taken: dict[int, fx.Node] = {}

    def take(self, index: int) -> fx.Node:
        """Return one of the results."""
        if index not in self._taken:
            value = self.node.meta["val"][index]
            self._taken[index] = self._insertion.call_like(operator.getitem, self.node, index, value=value)
        return self._taken[index]


def add_loop(
    insertion: Insertion,
    body: fx.GraphModule,
    frames: Sequence[fx.Node],
    states: Sequence[fx.Node],
    whole: Sequence[Any],
    *,
    reverse: bool,
) -> LoopResults:
    """Add a loop over frames (b, t, ...); the body takes a frame of each, states and whole tensors, as `loop` says."""
    attribute = _attribute(insertion, body)
    (output,) = body.graph.find_nodes(op="output")
    values = [node.meta["val"] for node in output.args[0]]
    steps = frames[0].meta["val"].shape[1]
    stacked = [value.new_empty(value.shape[0], steps, *value.shape[1:]) for value in values[len(states) :]]
    node = insertion.call_like(
        loop, attribute, list(frames), list(states), list(whole), reverse, value=[*values[: len(states)], *stacked]
    )
    return LoopResults(insertion, node)


def _attribute(insertion: Insertion, body: fx.GraphModule) -> fx.Node:
    """Make a body part of the graph's module and return the node that stands for it."""
    owner = insertion.graph.owning_module
    assert owner is not None
    name = next(name for i in count() if not hasattr(owner, name := f"loop_body_{i}"))
    owner.add_module(name, body)
    return insertion.attribute(name)
