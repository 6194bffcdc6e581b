"""Where elements come from: operators that only move elements, run on the positions of their source's elements."""

import math
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.structure import LAYOUT

aten = torch.ops.aten

#: Operators whose results hold elements of their one source, some of them perhaps twice.
MOVES = LAYOUT | {
    aten.flip.default, aten.repeat.default, aten.repeat_interleave.self_int, aten.roll.default, aten.squeeze.default,
    aten.squeeze.dims, aten.unbind.int, aten.unflatten.int,
}  # fmt: skip


class Positions:
    """Positions in the flattened value of `root`, for what operators of MOVES make of it.

    A free batch counts as two, so that what keeps samples in order can be told from what does not.
    """

    def __init__(self, root: fx.Node, batch: BatchAxis) -> None:
        self._batch = batch
        self.n_samples = 2 if batch.symbols else 1
        shape = self.shape(root)
        self.root = torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)  # a type that every move takes
        self._values: dict[fx.Node, Any] = {root: self.root}

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of a node's value at this batch."""
        return tuple(self._batch.at(size, self.n_samples) or 0 for size in node.meta["val"].shape)

    def size(self, node: fx.Node) -> int | None:
        """Return a size that is computed from the batch."""
        return self._batch.at(node.meta["val"], self.n_samples)

    def of(self, node: fx.Node) -> Tensor:
        """Return where the elements of a node come from; each node on the way to `root` must be a move."""
        value = self._value(node)
        assert isinstance(value, Tensor)
        return value

    def _value(self, node: fx.Node) -> Any:
        if node not in self._values:
            args, kwargs = fx.node.map_arg((node.args, node.kwargs), self._argument)
            self._values[node] = node.target(*args, **kwargs)  # type: ignore[operator]
        return self._values[node]

    def _argument(self, node: fx.Node) -> Any:
        return self.size(node) if isinstance(node.meta.get("val"), torch.SymInt) else self._value(node)
