"""New nodes in an exported graph, with the shapes and the source line that everything behind relies on."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, fx

from smidgen.compression.structure import COMPUTED


class Insertion:
    """Adds nodes right before one that they stand for, and takes its place in the user's module and source.

    Where `like` is given, they take the place of that node instead.
    """

    def __init__(self, origin: fx.Node, *, like: fx.Node | None = None) -> None:
        self.graph = origin.graph
        self._origin = origin
        self._like = like or origin

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """Add a call; its value's shape and type come from the same call on the arguments' stand-ins."""
        with self.graph.inserting_before(self._origin):
            node = self.graph.call_function(function, args, kwargs)
        stand_ins = fx.node.map_arg(args, lambda argument: argument.meta["val"])
        return self._described(node, function(*stand_ins, **kwargs))

    def call_like(self, function: Callable[..., Any], *args: Any, value: Tensor | list[Tensor]) -> fx.Node:
        """Add a call whose value, or whose results, are known to be as `value`."""
        with self.graph.inserting_before(self._origin):
            node = self.graph.call_function(function, args)
        return self._described(node, value)

    def constant(self, name: str, value: Tensor) -> fx.Node:
        """Add a constant of the graph; its stand-in joins those of the node that this stands for."""
        assert self.graph.owning_module is not None
        self.graph.owning_module.register_buffer(name, value)
        with self.graph.inserting_before(self._origin):
            node = self.graph.get_attr(name)
        return self._described(node, self._like.meta["val"].fake_mode.from_tensor(value, static_shapes=True))

    def attribute(self, name: str) -> fx.Node:
        """Add a node that stands for a submodule of the graph's module; it has no value of its own."""
        with self.graph.inserting_before(self._origin):
            node = self.graph.get_attr(name)
        node.meta[COMPUTED] = False
        return node

    def _described(self, node: fx.Node, value: Any) -> fx.Node:
        node.meta = {key: self._like.meta[key] for key in _ORIGIN if key in self._like.meta}
        node.meta["val"] = value
        node.meta[COMPUTED] = any(parent.meta[COMPUTED] for parent in node.all_input_nodes)
        return node


_ORIGIN = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node")
