"""A loop in the float graph: the parts of its node, its body, and where values go in and out of that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from smidgen.models.loop import loop

#: Key of the `meta` of a body's output: the loop's node in the graph around it.
_LOOP = "smidgen_loop"
#: Key of `node.meta` in a body: True for what is computed from a state and reaches the next one.
CARRIED = "smidgen_carried"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopNode:
    """A node that calls `loop`, read: its arguments, the body's graph, and the body's ports in the same order."""

    node: fx.Node
    body: fx.GraphModule
    frames: tuple[fx.Node, ...]
    states: tuple[fx.Node, ...]
    whole: tuple[Any, ...]
    reverse: bool

    @classmethod
    def of(cls, node: fx.Node) -> "LoopNode":
        """Read a node that calls `loop`."""
        attribute, frames, states, whole, reverse = node.args
        assert isinstance(attribute, fx.Node)
        module = node.graph.owning_module
        assert module is not None
        body = module.get_submodule(str(attribute.target))
        assert isinstance(body, fx.GraphModule)
        return cls(
            node=node, body=body, frames=tuple(frames), states=tuple(states), whole=tuple(whole), reverse=bool(reverse)  # type: ignore[arg-type]
        )  # fmt: skip

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the body's placeholders stand for, states as they are before the first step."""
        return (*self.frames, *self.states, *self.whole)

    @property
    def placeholders(self) -> list[fx.Node]:
        """The body's inputs: frames, states, whole tensors and sizes."""
        return [node for node in self.body.graph.nodes if node.op == "placeholder"]

    @property
    def state_positions(self) -> range:
        """Where the states stand among arguments and placeholders."""
        return range(len(self.frames), len(self.frames) + len(self.states))

    @property
    def state_placeholders(self) -> list[fx.Node]:
        """The states as the body reads them."""
        return [self.placeholders[position] for position in self.state_positions]

    @property
    def output(self) -> fx.Node:
        """The body's output node."""
        (output,) = self.body.graph.find_nodes(op="output")
        assert isinstance(output, fx.Node)
        return output

    @property
    def results(self) -> list[fx.Node]:
        """What the body returns: states for the next step, then what it emits."""
        return list(self.output.args[0])  # type: ignore[arg-type]

    def readers(self, position: int) -> list[fx.Node]:
        """Return the nodes that take one of the loop's results, by its position among `results`."""
        return [user for user in self.node.users if user.args[1] == position]

    def link(self) -> None:
        """Let the body's output know the loop, and mark what is computed from a state and reaches the next one."""
        self.output.meta[_LOOP] = self.node
        reached, nodes = set(self.state_placeholders), list(self.body.graph.nodes)
        for node in nodes:
            if any(parent in reached for parent in node.all_input_nodes):
                reached.add(node)
        needed = set(self.results[: len(self.states)])
        for node in reversed(nodes):
            if node in needed:
                needed.update(node.all_input_nodes)
        for node in nodes:
            node.meta[CARRIED] = node in reached and node in needed and node.op == "call_function"


def is_loop(node: fx.Node) -> bool:
    """Return whether a node is a loop."""
    return node.target is loop


def entries(user: fx.Node, operand: fx.Node) -> Sequence[fx.Node]:
    """Return where a loop that reads `operand` has it within its body."""
    found = LoopNode.of(user)
    return [port for port, given in zip(found.placeholders, found.arguments, strict=True) if given is operand]


def exits(output: fx.Node, result: fx.Node) -> Sequence[fx.Node]:
    """Return the nodes around a body that take one of its results out of the loop, none for a graph that is no body."""
    if _LOOP not in output.meta:
        return []
    found = LoopNode.of(output.meta[_LOOP])
    return [user for i, given in enumerate(found.results) if given is result for user in found.readers(i)]


def is_size(value: Any) -> bool:
    """Return whether an argument is a size, or a node that computes one."""
    return not isinstance(value, fx.Node) or isinstance(value.meta.get("val"), torch.SymInt | int)
