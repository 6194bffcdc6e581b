"""Lowering of products in the max-plus algebra; `rewriting` made them of largest sums with constant scores."""

from collections.abc import Mapping

import numpy as np
from torch import fx

from smidgen.lowering.builder import Builder, Rule
from smidgen.models.max_plus import max_plus as largest_sums
from smidgen.numerics.max_plus import max_plus_parameters


def max_plus(builder: Builder, node: fx.Node) -> None:
    """models.max_plus(x, scores), scores constant."""
    x, scores, y = builder.operand(node.args[0]), builder.constant(node.args[1]), builder.output(node)
    assert scores is not None  # rewriting takes constant ones only
    if builder.is_float:
        builder.add_op(node, "max_plus", [x], y, {"scores": scores.astype(np.float32)})
        return
    source, target = builder.quantization(node, x, y)
    found = builder.integers(node, lambda: max_plus_parameters(scores, source, target))
    attrs = {"multiplier": found.multiplier, "shift": found.shift}
    builder.add_op(node, "max_plus", [x], y, {"scores": found.scores}, attrs)


RULES: Mapping[object, Rule] = {largest_sums: max_plus}
