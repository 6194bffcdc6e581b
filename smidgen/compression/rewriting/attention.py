"""Attention that a module spells out becomes scaled_dot_product_attention, so that its scores are never a tensor.

    product of q and k -> scaled, masked or biased by constants -> softmax -> product with v

The products may be matmul, bmm, baddbmm or einsum, with the axes in any order; the scale may stand on q, on k, on the
scores or on several; masks may be added, filled in or chosen by where. Weights that are also used elsewhere stay as
they are. What is computed stays, up to the rounding of float32.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import fx

from smidgen.compression.rewriting.contraction import Operand, value_product
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import SOFTMAX, Constants, keeps_pairs, leading_sizes, read_scores, scaled
from smidgen.compression.structure import LAYOUT, arguments, readers

aten = torch.ops.aten


def fuse_attention(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every attention that is spelled out; return whether there was one.

    Args: constants, the values of the nodes that no input reaches.
    """
    fused = False
    for node in list(graph.nodes):
        if node.target in SOFTMAX and _fuse(node, constants):
            graph.eliminate_dead_code()
            fused = True
    return fused


def _fuse(softmax: fx.Node, constants: Constants) -> bool:
    argument, last = softmax.args[0], softmax.meta["val"].dim() - 1
    if not isinstance(argument, fx.Node) or arguments(softmax)["dim"] not in (-1, last):
        return False
    weights, users = softmax, readers(softmax)
    while len(users) == 1 and keeps_pairs(users[0]):
        weights, users = users[0], readers(users[0])
    scores = read_scores(argument, constants)
    values = value_product(users[0], weights) if len(users) == 1 else None
    if scores is None or values is None:
        return False
    leading, outer = leading_sizes(scores.layout), leading_sizes(weights)
    inner = leading_sizes(scores.origin)
    if any(sizes.count(-1) > 1 for sizes in (leading, outer, inner) if sizes != leading):
        return False
    insertion = Insertion(users[0])
    q, q_factor = _without_scale(scores.product.q, constants)
    k, k_factor = _without_scale(scores.product.k, constants)
    query = q.node(insertion)
    for row in scores.row_factors:
        query = insertion.call(aten.mul.Tensor, query, row(insertion))
    attended = insertion.call(
        aten.scaled_dot_product_attention.default,
        _moved(insertion, query, inner, leading),
        _moved(insertion, k.node(insertion), inner, leading),
        _moved(insertion, values.v.node(insertion), outer, leading),
        scores.mask(insertion), 0.0, False, scale=scores.factor * q_factor * k_factor,
    )  # fmt: skip
    attended = _moved(insertion, attended, leading, outer)
    users[0].replace_all_uses_with(Operand(source=attended, order=values.order).node(insertion))
    return True


def _moved(insertion: Insertion, node: fx.Node, sizes: Sequence[int], wanted: Sequence[int]) -> fx.Node:
    """Part or merge leading axes of `sizes` to the wanted ones."""
    if tuple(sizes) == tuple(wanted):
        return node
    return insertion.call(aten.reshape.default, node, [*wanted, *node.meta["val"].shape[-2:]])


def _without_scale(operand: Operand, constants: Constants) -> tuple[Operand, float]:
    """Return an operand as it was before it was scaled, and the factor that it was scaled by."""
    source, factor = operand.source, 1.0
    while (found := scaled(source, constants)) is not None:
        source, factor = found[0], factor * found[1]
    # A scale before heads were parted from the width: taken out where nothing else reads it.
    reader, behind = source, source
    while behind.target in LAYOUT and len(readers(behind)) == 1 and isinstance(behind.args[0], fx.Node):
        reader, behind = behind, behind.args[0]
        found = scaled(behind, constants)
        if found is not None and len(readers(behind)) == 1:
            reader.replace_input_with(behind, found[0])
            behind, factor = found[0], factor * found[1]
    return replace(operand, source=source), factor
