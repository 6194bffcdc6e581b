"""Steps picked by positions that an input decides become products with rows of the unit matrix.

    x[arange(batch), position], gather(x, 1, positions of steps)

A position below 0 means the first step, one beyond the end the last: nothing counts from the end.
"""

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments

aten = torch.ops.aten


def unify_picks(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every pick of steps by computed positions; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.name not in constants and (_of_each_sample(node, constants) or _gathered(node, constants)):
            found = True
    graph.eliminate_dead_code()
    return found


def _of_each_sample(node: fx.Node, constants: Constants) -> bool:
    """x[arange(batch), position], x (b, t, ...), position (b,): one step of each sample."""
    if node.target is not aten.index.Tensor:
        return False
    given = arguments(node)
    x, indices = given["self"], given["indices"]
    if x.name in constants or len(indices) != 2 or not all(isinstance(index, fx.Node) for index in indices):
        return False
    samples, position = indices
    numbers = constants.get(samples.name)  # at a batch of one
    one_each = numbers is not None and numbers.tolist() == [0] and position.meta["val"].dim() == 1
    if not one_each or position.name in constants or position.meta["val"].dtype == torch.bool:
        return False
    insertion = Insertion(node)
    shape = x.meta["val"].shape
    rows = insertion.call(aten.reshape.default, x, [-1, shape[1], int(shape[2:].numel())])
    picked = _product(insertion, insertion.call(aten.unsqueeze.default, position, 1), rows)
    node.replace_all_uses_with(insertion.call(aten.reshape.default, picked, [-1, *shape[2:]]))
    return True


def _gathered(node: fx.Node, constants: Constants) -> bool:
    """gather(x, 1, index), x (b, t, f), index (b, k, 1) expanded to f features: k steps of each sample."""
    if node.target is not aten.gather.default:
        return False
    given = arguments(node)
    x, index = given["self"], given["index"]
    if x.name in constants or index.name in constants or index.target is not aten.expand.default:
        return False
    source = index.args[0]
    last = source.meta["val"].shape[-1]
    if x.meta["val"].dim() != 3 or given["dim"] not in (1, -2) or source.meta["val"].dim() != 3 or last != 1:
        return False
    insertion = Insertion(node)
    picked = _product(insertion, insertion.call(aten.squeeze.dim, source, 2), x)
    node.replace_all_uses_with(picked)
    return True


def _product(insertion: Insertion, positions: fx.Node, rows: fx.Node) -> fx.Node:
    """Return (b, k, f), the rows (b, t, f) at positions (b, k)."""
    unit = insertion.constant(f"{positions.name}_unit", torch.eye(rows.meta["val"].shape[1]))
    chosen = insertion.call(aten.embedding.default, unit, positions)
    return insertion.call(aten.matmul.default, chosen, rows)
