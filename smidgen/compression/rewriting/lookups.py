"""Look-ups in a constant table, in their many spellings, as embeddings.

table[ids], index_select(table, 0, ids), one_hot(ids)
"""

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments

aten = torch.ops.aten

#: Operators of which nothing is left where their table is constant, and their ids are computed.
REWRITTEN_LOOKUPS: dict[object, str] = {aten.one_hot.default: "A row of the unit matrix for each id."}


def unify_lookups(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every look-up in a constant table by computed ids; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.name not in constants and (_index(node, constants) or _one_hot(node)):
            found = True
    graph.eliminate_dead_code()
    return found


def _index(node: fx.Node, constants: Constants) -> bool:
    if node.target is aten.index.Tensor:
        given = arguments(node)
        table, ids = given["self"], given["indices"]
    elif node.target is aten.index_select.default and arguments(node)["dim"] == 0:
        given = arguments(node)
        table, ids = given["self"], [given["index"]]
    else:
        return False
    values = constants.get(table.name) if isinstance(table, fx.Node) else None
    if values is None or not values.is_floating_point() or len(ids) != 1 or not isinstance(ids[0], fx.Node):
        return False
    insertion = Insertion(node)
    rows = insertion.call(aten.reshape.default, table, [values.shape[0], -1])
    looked_up = insertion.call(aten.embedding.default, rows, ids[0])
    if values.dim() != 2:
        shape = [*ids[0].meta["val"].shape, *values.shape[1:]]
        looked_up = insertion.call(aten.reshape.default, looked_up, _written(shape))
    node.replace_all_uses_with(looked_up)
    return True


def _one_hot(node: fx.Node) -> bool:
    if node.target is not aten.one_hot.default or arguments(node)["num_classes"] < 1:
        return False
    insertion = Insertion(node)
    unit = insertion.constant(f"{node.name}_unit", torch.eye(arguments(node)["num_classes"]))
    node.replace_all_uses_with(insertion.call(aten.embedding.default, unit, node.args[0]))
    return True


def _written(shape: list[int | torch.SymInt]) -> list[int]:
    """Return sizes of which -1 stands for the one that the batch decides."""
    return [-1 if isinstance(size, torch.SymInt) else size for size in shape]
