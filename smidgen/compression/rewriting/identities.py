"""Arithmetic that changes nothing, with 1 or 0, which published code is full of, is taken out."""

from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.scores import Constants

aten = torch.ops.aten

#: The number with which each operator gives back its first operand.
_NEUTRAL = {
    aten.mul.Tensor: 1, aten.mul.Scalar: 1, aten.div.Tensor: 1, aten.div.Scalar: 1, aten.pow.Tensor_Scalar: 1,
    aten.add.Tensor: 0, aten.add.Scalar: 0, aten.sub.Tensor: 0, aten.sub.Scalar: 0,
}  # fmt: skip
_COMMUTATIVE = (aten.mul.Tensor, aten.add.Tensor)


def drop_identities(graph: fx.Graph, constants: Constants | None = None) -> bool:
    """Take out products with 1, sums with 0 and the like, also with `constants` of nothing else.

    Returns whether there were any.
    """
    dropped = False
    for node in list(graph.nodes):
        if node.target not in _NEUTRAL or node.kwargs:
            continue
        a, b = node.args[:2]
        for operand, other in ((a, b), (b, a)) if node.target in _COMMUTATIVE else ((a, b),):
            if isinstance(operand, fx.Node) and _is_all(other, _NEUTRAL[node.target], constants or {}):
                value, before = node.meta["val"], operand.meta["val"]
                if value.dtype == before.dtype and value.shape == before.shape:  # 1.0 makes real numbers of whole ones
                    node.replace_all_uses_with(operand)
                    dropped = True
                    break
    return dropped


def _is_all(operand: Any, number: int, constants: Constants) -> bool:
    """True for a number, and for a constant that holds it alone."""
    if isinstance(operand, fx.Node):
        value = constants.get(operand.name)
        return value is not None and bool((value == number).all())
    return isinstance(operand, int | float) and not isinstance(operand, bool) and operand == number
