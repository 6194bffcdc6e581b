"""Arithmetic with one number that changes nothing, which published code is full of, is taken out."""

import torch
from torch import fx

aten = torch.ops.aten

#: The number with which each operator gives back its first operand.
_NEUTRAL = {
    aten.mul.Tensor: 1, aten.mul.Scalar: 1, aten.div.Tensor: 1, aten.div.Scalar: 1, aten.pow.Tensor_Scalar: 1,
    aten.add.Tensor: 0, aten.add.Scalar: 0, aten.sub.Tensor: 0, aten.sub.Scalar: 0,
}  # fmt: skip


def drop_identities(graph: fx.Graph) -> bool:
    """Take out products with 1, sums with 0 and the like; return whether there were any."""
    dropped = False
    for node in list(graph.nodes):
        if node.target not in _NEUTRAL or not isinstance(node.args[0], fx.Node):
            continue
        operand, number = node.args[:2]
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        same_type = node.meta["val"].dtype == operand.meta["val"].dtype  # 1.0 makes real numbers of whole ones
        if is_number and number == _NEUTRAL[node.target] and same_type:
            node.replace_all_uses_with(operand)
            dropped = True
    return dropped
