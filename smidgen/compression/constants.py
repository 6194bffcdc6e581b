"""What of a float graph depends on weights and sizes alone, evaluated once at a batch of one."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.structure import COMPUTED

aten = torch.ops.aten

#: Operators that read of a tensor its shape and type alone.
_LIKE = frozenset({
    aten.zeros_like.default, aten.ones_like.default, aten.full_like.default, aten.empty_like.default,
    aten.new_zeros.default, aten.new_ones.default, aten.new_full.default, aten.new_empty.default,
})  # fmt: skip


def fold_constants(
    graph_module: fx.GraphModule, placeholders: Sequence[Tensor | None], batch: BatchAxis
) -> dict[str, Tensor]:
    """Evaluate every tensor that no value of a user's input reaches.

    Sizes count as at a batch of one, so that zeros(B, 1, 4) and a parameter repeated for every sample are constants.
    """
    values: dict[str, Any] = {}
    stored = iter(placeholders)
    for node in graph_module.graph.nodes:
        if node.op == "placeholder":
            value = next(stored)
            size = batch.at_one(node.meta["val"]) if isinstance(node.meta["val"], torch.SymInt) else None
            if value is not None or size is not None:
                values[node.name] = size if value is None else value
        elif node.op == "get_attr":
            attribute = _attribute(graph_module, str(node.target))
            if isinstance(attribute, Tensor):
                values[node.name] = attribute.detach()
        elif node.op == "call_function":
            if isinstance(node.meta.get("val"), torch.SymInt) and node.target is not aten.item.default:
                size = batch.at_one(node.meta["val"])
                if size is not None:
                    values[node.name] = size
            elif _is_known(node, values):
                args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda parent: _value(parent, values, batch))
                values[node.name] = node.target(*args, **kwargs)
                if isinstance(values[node.name], int | float):
                    _write_number(node, values[node.name])
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def mark_computed(graph: fx.Graph, constants: Iterable[str]) -> None:
    """Mark the nodes that some output needs and that depend on a value of an input; `readers` passes over others."""
    fixed = set(constants)
    needed: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        is_needed = node.op in ("output", "placeholder") or node in needed
        has_value = node.op != "get_attr" and not isinstance(node.meta.get("val"), torch.SymInt)
        computed = is_needed and node.name not in fixed and has_value
        node.meta[COMPUTED] = computed
        if computed:
            needed.update(node.all_input_nodes)


def _write_number(node: fx.Node, value: float) -> None:
    """Put the number that a weight's `.item()` is into the arguments of its readers."""
    for user in list(node.users):
        user.args, user.kwargs = fx.node.map_arg((user.args, user.kwargs), lambda a: value if a is node else a)


def _is_known(node: fx.Node, values: dict[str, Any]) -> bool:
    return all(
        parent.name in values or (node.target in _LIKE and parent is node.args[0] and _has_shape(parent))
        for parent in node.all_input_nodes
    )


def _has_shape(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _value(node: fx.Node, values: dict[str, Any], batch: BatchAxis) -> Any:
    """Return a node's value, or zeros of its shape for one of which only the shape is read."""
    if node.name in values:
        return values[node.name]
    shape = batch.full_shape(node.meta["val"])
    return torch.zeros([size or 0 for size in shape], dtype=node.meta["val"].dtype)


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name)
    return module
