"""Which operators multiply by a weight that is stored as integers, with a scale for each output channel."""

import torch
from torch import fx

from smidgen.models.recurrent_layers import RECURRENT_LAYERS

aten = torch.ops.aten

#: Their second argument is the weight, output channels first.
WEIGHTED = frozenset({
    aten.linear.default, aten.conv1d.default, aten.conv1d.padding, aten.conv2d.default, aten.conv2d.padding,
    aten.convolution.default, *RECURRENT_LAYERS,
})  # fmt: skip
#: The same, but for the order of the weight's axes.
WEIGHTED_TRANSPOSED = frozenset({aten.conv_transpose1d.default, aten.conv_transpose2d.input})


def has_weight(node: fx.Node) -> bool:
    """True for a node that multiplies by a stored weight."""
    return node.target in WEIGHTED | WEIGHTED_TRANSPOSED
