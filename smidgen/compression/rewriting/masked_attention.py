"""Attention under a mask that an input decides is spelled out: its scores are a tensor, and the mask hides of them."""

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments
from smidgen.models.masked_softmax import masked_softmax

aten = torch.ops.aten


def spell_out_masked_attention(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every scaled_dot_product_attention whose mask is computed; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.target is not aten.scaled_dot_product_attention.default:
            continue
        given = arguments(node)
        if given["attn_mask"] is None or given["attn_mask"].name in constants:
            continue
        insertion = Insertion(node)
        q, k, v = given["query"], given["key"], given["value"]
        if given["enable_gqa"]:
            heads, groups = (int(x.meta["val"].shape[-3]) for x in (q, k))
            k, v = (insertion.call(aten.repeat_interleave.self_int, x, heads // groups, -3) for x in (k, v))
        scale = int(q.meta["val"].shape[-1]) ** -0.5 if given["scale"] is None else float(given["scale"])
        scaled = insertion.call(aten.mul.Tensor, q, scale)
        scores = insertion.call(aten.matmul.default, scaled, insertion.call(aten.transpose.int, k, -2, -1))
        if given["attn_mask"].meta["val"].dtype == torch.bool:
            weights = insertion.call(masked_softmax, scores, given["attn_mask"], -1)
        else:
            biased = insertion.call(aten.add.Tensor, scores, given["attn_mask"])
            weights = insertion.call(aten.softmax.int, biased, -1)
        node.replace_all_uses_with(insertion.call(aten.matmul.default, weights, v))
        found = True
    graph.eliminate_dead_code()
    return found
