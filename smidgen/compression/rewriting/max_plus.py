"""The largest of sums with constant scores becomes one operator: no table of all sums is ever held.

amax(x[..., None, :] + scores, -1), scores (o, i) constant
"""

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments, readers
from smidgen.models.max_plus import max_plus

aten = torch.ops.aten


def fuse_max_plus(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every largest sum with constant scores; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        found = _operands(node, constants)
        if found is not None:
            node.replace_all_uses_with(Insertion(node).call(max_plus, *found))
            fused = True
    graph.eliminate_dead_code()
    return fused


def _operands(node: fx.Node, constants: Constants) -> tuple[fx.Node, fx.Node] | None:
    """Return x and scores where a node takes the largest of their sums, None for anything else."""
    if node.target is not aten.amax.default:
        return None
    given = arguments(node)
    sums = given["self"]
    rank = sums.meta["val"].dim()
    if [axis % rank for axis in given["dim"]] != [rank - 1] or given["keepdim"]:
        return None
    if sums.target is not aten.add.Tensor or arguments(sums)["alpha"] != 1 or readers(sums) != [node]:
        return None
    for repeated, scores in (sums.args[:2], sums.args[1::-1]):
        if _is_rows(repeated, rank) and isinstance(scores, fx.Node) and scores.name in constants:
            shape = tuple(sums.meta["val"].shape[-2:])
            if tuple(scores.meta["val"].shape) == shape and repeated.meta["val"].shape[-1] == shape[1]:
                return repeated.args[0], scores
    return None


def _is_rows(node: object, rank: int) -> bool:
    """True if a node repeats rows along a new axis before the last."""
    if not isinstance(node, fx.Node) or node.target is not aten.unsqueeze.default:
        return False
    value, axis = node.meta["val"], int(arguments(node)["dim"])
    return bool(value.dim() == rank and axis % rank == rank - 2)
