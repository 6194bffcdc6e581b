"""Products of q and k that a constant mask makes causal, without a softmax, become a recurrence.

    product of q and k -> times a triangle of ones, or of powers of a decay -> product with v

So retention in its parallel form and masked linear attention run step by step, with a matrix a head for their memory.
Masks that are anything else stay as they are.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.contraction import Operand, ScoreProduct, score_product, value_product
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import Constants, scaled
from smidgen.compression.structure import arguments, readers
from smidgen.models.linear_attention import linear_attention

aten = torch.ops.aten

#: Powers of a decay that were computed in float32 are off by rounding.
_SAME = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weights:
    """factor * mask * q k^T; mask (.., T, T) in double precision."""

    product: ScoreProduct
    factor: float
    mask: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decay:
    """mask[h, i, j] = rows[h, i] * decay[h]^(i - j) for j <= i, else 0."""

    decay: Tensor  # (H or 1,)
    rows: Tensor  # (H or 1, T)


def fuse_linear_attention(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every masked product that is a recurrence; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        if readers(node) and any(_fuse(node, weights, constants) for weights in _candidates(node)):
            graph.eliminate_dead_code()
            fused = True
    return fused


def _candidates(node: fx.Node) -> list[fx.Node]:
    """Return the operands of a product that may be its weights."""
    if node.target in (aten.matmul.default, aten.bmm.default):
        return [x for x in node.args[:1] if isinstance(x, fx.Node)]
    if node.target is aten.einsum.default:
        return [x for x in node.args[1] if isinstance(x, fx.Node)]  # type: ignore[union-attr]
    return []


def _fuse(node: fx.Node, weights: fx.Node, constants: Constants) -> bool:
    values = value_product(node, weights)
    found = _read(weights, constants) if values is not None and readers(weights) == [node] else None
    decay = _decay_of(found.mask) if found is not None else None
    if values is None or found is None or decay is None:
        return False
    heads = len(decay.decay)
    if heads > 1 and (len(found.product.q.order) < 4 or weights.meta["val"].shape[-3] != heads):
        return False
    insertion = Insertion(node)
    factor = found.factor * float(decay.rows.flatten()[0])
    forgets = bool((decay.decay < 1.0).any())
    stored = insertion.constant(f"{node.name}_decay", decay.decay.float()) if forgets else None
    operands = (found.product.q, found.product.k, values.v)
    attended = insertion.call(linear_attention, *(x.node(insertion) for x in operands), stored, factor)
    if not torch.allclose(decay.rows, decay.rows[:1, :1], rtol=_SAME, atol=0.0):
        rows = insertion.constant(f"{node.name}_rows", (decay.rows / decay.rows.flatten()[0])[..., None].float())
        attended = insertion.call(aten.mul.Tensor, attended, rows)
    node.replace_all_uses_with(Operand(source=attended, order=values.order).node(insertion))
    return True


def _read(weights: fx.Node, constants: Constants) -> _Weights | None:
    """Return what weights are made of, None if they are no masked product."""
    factor, mask, node = 1.0, torch.ones(1, 1, dtype=torch.float64), weights
    product = score_product(node)
    while product is None:
        by_number = scaled(node, constants)
        by_mask = None if by_number is not None else _masked(node, constants)
        if by_number is not None:
            node, factor = by_number[0], factor * by_number[1]
        elif by_mask is not None:
            node, mask = by_mask[0], mask * by_mask[1]
        else:
            return None
        product = score_product(node)
    if product.bias is not None:
        return None
    return _Weights(product=product, factor=factor * product.factor, mask=mask)


def _masked(node: fx.Node, constants: Constants) -> tuple[fx.Node, Tensor] | None:
    """Return (x, mask) for a node that is x times a constant mask, however it is written."""

    def constant(value: object) -> Tensor | None:
        return constants.get(value.name) if isinstance(value, fx.Node) else None

    x, mask = node.args[0] if node.args else None, None
    if node.target is aten.mul.Tensor:
        a, b = node.args[:2]
        x, mask = (a, constant(b)) if constant(b) is not None else (b, constant(a))
    elif node.target is aten.div.Tensor and (divisor := constant(node.args[1])) is not None:
        mask = 1.0 / divisor.double()
    elif node.target in (aten.masked_fill.Scalar, aten.where.ScalarOther) and node.args[2] == 0:
        condition = constant(node.args[1] if node.target is aten.masked_fill.Scalar else node.args[0])
        x = node.args[0] if node.target is aten.masked_fill.Scalar else node.args[1]
        shown = node.target is aten.where.ScalarOther
        mask = None if condition is None else condition == shown
    elif node.target is aten.tril.default and isinstance(x, fx.Node):
        mask = torch.ones(x.meta["val"].shape[-2:]).tril(int(arguments(node)["diagonal"]))
    if mask is None or not isinstance(x, fx.Node) or x.name in constants:
        return None
    return x, mask.double()


def _decay_of(mask: Tensor) -> _Decay | None:
    """Return the decay that a mask (.., T, T) spells, None if it is none."""
    steps = mask.shape[-1]
    if mask.dim() < 2 or mask.shape[-2] != steps or steps < 2 or any(size != 1 for size in mask.shape[:-3]):
        return None
    mask = mask.reshape(-1, steps, steps)
    rows = mask.diagonal(dim1=1, dim2=2)
    if bool((rows <= 0.0).any()):
        return None
    decay = (mask[:, 1, 0] / rows[:, 1]).clamp(0.0, 1.0)
    decay = torch.where((1.0 - decay).abs() < 1e-6, 1.0, decay)
    distance = torch.arange(steps)[:, None] - torch.arange(steps)
    spelled = rows[:, :, None] * torch.where(distance >= 0, decay[:, None, None] ** distance.clamp(min=0), 0.0)
    tolerance = _SAME * rows[:, :, None]
    same = bool(((mask - spelled).abs() <= tolerance).all()) and bool((decay > 0.0).all())
    return _Decay(decay=decay, rows=rows) if same else None
