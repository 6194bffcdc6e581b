"""Powers of tensors by the simplest operator: an exponent of one element is a number, others go by logarithm.

Generalised-mean pooling learns one exponent (Radenovic et al. 2018), per-channel energy normalisation one a channel
(Wang et al. 2017).
"""

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants, number
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten


def simplify_powers(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every power of a tensor by a tensor; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if node.target is aten.pow.Tensor_Tensor and node.meta[COMPUTED]:
            given = arguments(node)
            node.replace_all_uses_with(_power(Insertion(node), given["self"], given["exponent"], constants))
            found = True
    return found


def _power(insertion: Insertion, base: fx.Node, exponent: fx.Node, constants: Constants) -> fx.Node:
    """Return base ** exponent; the base of an exponent that varies is positive, as torch's own result is NaN else."""
    power = number(exponent, constants)
    if power is not None and base.meta["val"].dim() >= exponent.meta["val"].dim():
        return insertion.call(aten.pow.Tensor_Scalar, base, power)
    logarithm = insertion.call(aten.log.default, base)
    return insertion.call(aten.exp.default, insertion.call(aten.mul.Tensor, logarithm, exponent))
