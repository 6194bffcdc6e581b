"""Assignments to every second element, or third, of an axis (y[..., ::2] = values): picked from both tensors joined."""

import torch
from torch import fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten


def join_strided_writes(graph: fx.Graph, batch: BatchAxis) -> bool:
    """Replace every slice_scatter with a step above 1, which is no part of a rotation; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.target is not aten.slice_scatter.default or not node.meta[COMPUTED] or arguments(node)["step"] == 1:
            continue
        given, insertion = arguments(node), Insertion(node)
        count = batch.at_one(node.meta["val"].shape[given["dim"]])
        assert count is not None, "an axis that is written to is no batch"
        written = range(count)[slice(given["start"], given["end"], given["step"])]
        chosen = torch.arange(count)
        chosen[list(written)] = count + torch.arange(len(written))
        joined = insertion.call(aten.cat.default, [given["self"], given["src"]], given["dim"])
        order = insertion.constant(f"{node.name}_order", chosen)
        node.replace_all_uses_with(insertion.call(aten.index_select.default, joined, given["dim"], order))
        found = True
    return found
