"""New nodes in an exported graph, with the shapes and the source line that everything behind relies on."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, fx

from smidgen.compression.structure import COMPUTED


class Insertion:
    """Adds nodes right before one that they stand for, and takes its place in the user's module and source."""

    def __init__(self, origin: fx.Node) -> None:
        self._graph = origin.graph
        self._origin = origin

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """Add a call; its value's shape and type come from the same call on the arguments' stand-ins."""
        with self._graph.inserting_before(self._origin):
            node = self._graph.call_function(function, args, kwargs)
        stand_ins = fx.node.map_arg(args, lambda argument: argument.meta["val"])
        return self._described(node, function(*stand_ins, **kwargs))

    def call_like(self, function: Callable[..., Any], *args: Any, value: Tensor) -> fx.Node:
        """Add a call whose value is known to be as `value`."""
        with self._graph.inserting_before(self._origin):
            node = self._graph.call_function(function, args)
        return self._described(node, value)

    def _described(self, node: fx.Node, value: Any) -> fx.Node:
        node.meta = {key: self._origin.meta[key] for key in _ORIGIN if key in self._origin.meta}
        node.meta["val"] = value
        node.meta[COMPUTED] = True
        return node


_ORIGIN = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node")
