"""A running sum divided by how many steps it holds becomes a running mean, which never grows.

cumsum(x) / (1, 2, 3, ...), or times (1, 1/2, 1/3, ...)
"""

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments, readers
from smidgen.models.cumulative_mean import cumulative_mean

aten = torch.ops.aten

#: Reciprocals that were computed in float32 are off by rounding.
_SAME = 1e-5


def fuse_cumulative_mean(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every running sum that its number of steps divides; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        sums, count = _sums_and_count(node, constants)
        if sums is not None and count is not None and readers(sums) == [node] and _counts(sums, count):
            given = arguments(sums)
            node.replace_all_uses_with(Insertion(node).call(cumulative_mean, given["self"], given["dim"]))
            fused = True
    graph.eliminate_dead_code()
    return fused


def _sums_and_count(node: fx.Node, constants: Constants) -> tuple[fx.Node | None, Tensor | None]:
    """Return a running sum and what divides it, None for what is not found."""
    if node.target not in (aten.div.Tensor, aten.mul.Tensor):
        return None, None
    a, b = node.args[:2]
    if node.target is aten.mul.Tensor and isinstance(b, fx.Node) and b.target is aten.cumsum.default:
        a, b = b, a
    if not (isinstance(a, fx.Node) and a.target is aten.cumsum.default and isinstance(b, fx.Node)):
        return None, None
    value = constants.get(b.name)
    if value is None:
        return None, None
    return a, value.double() if node.target is aten.div.Tensor else 1.0 / value.double()


def _counts(sums: fx.Node, count: Tensor) -> bool:
    """True if a divisor is 1, 2, 3, ... along the axis that is summed, and the same along all others."""
    rank, dim = sums.meta["val"].dim(), arguments(sums)["dim"]
    behind = rank - 1 - dim % rank  # axes behind the one that is summed
    if count.dim() <= behind or count.shape[-1 - behind] != sums.meta["val"].shape[dim]:
        return False
    steps = torch.arange(1, count.shape[-1 - behind] + 1, dtype=torch.float64).reshape(-1, *[1] * behind)
    return torch.allclose(count, steps.expand_as(count), rtol=_SAME, atol=0.0)
