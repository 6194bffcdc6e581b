"""A softmax of scores that a mask hides by minus infinity, or a large number, becomes one that is told what counts.

    masked_fill(x, hidden, -inf), where(seen, x, -1e9) or x + mask -> softmax

So no score is minus infinity, and the range of those that count is that of x alone.
"""

from dataclasses import dataclass

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.mask import truth_of_mask
from smidgen.compression.rewriting.scores import HIDES, SOFTMAX, Constants, number
from smidgen.compression.structure import arguments
from smidgen.models.masked_softmax import masked_softmax

aten = torch.ops.aten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Masked:
    """`inner` where `condition` is not `hides`, else hidden."""

    inner: fx.Node
    condition: fx.Node
    hides: bool


def fuse_masked_softmax(graph: fx.Graph, constants: Constants) -> bool:
    """Replace every softmax of masked scores; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        if node.target in SOFTMAX and _fuse(node, constants):
            fused = True
    graph.eliminate_dead_code()
    return fused


def _fuse(softmax: fx.Node, constants: Constants) -> bool:
    insertion = Insertion(softmax)
    x, seen = softmax.args[0], None
    while isinstance(x, fx.Node) and (found := _masked(x, constants, insertion)) is not None:
        shown = insertion.call(aten.logical_not.default, found.condition) if found.hides else found.condition
        seen = shown if seen is None else insertion.call(aten.logical_and.default, seen, shown)
        x = found.inner
    if seen is None:
        return False
    softmax.replace_all_uses_with(insertion.call(masked_softmax, x, seen, arguments(softmax)["dim"]))
    return True


def _masked(node: fx.Node, constants: Constants, insertion: Insertion) -> _Masked | None:
    """Return what a node hides of which other, None for one that hides nothing."""
    if node.target in (aten.masked_fill.Scalar, aten.masked_fill.Tensor):
        given = arguments(node)
        return _replaced(given["self"], given["mask"], given["value"], constants, hides=True)
    if node.target in _CHOICES:
        given = arguments(node)
        return _replaced(given["self"], given["condition"], given["other"], constants, hides=False) or _replaced(
            given["other"], given["condition"], given["self"], constants, hides=True
        )
    return _added(node, constants, insertion) if node.target is aten.add.Tensor else None


def _replaced(inner: object, condition: fx.Node, by: object, constants: Constants, *, hides: bool) -> _Masked | None:
    value = by if isinstance(by, fx.Node) else None
    if isinstance(inner, fx.Node) and inner.name not in constants and _is_hiding(value or by, constants):
        return _Masked(inner=inner, condition=condition, hides=hides)
    return None


def _is_hiding(value: object, constants: Constants) -> bool:
    """True for a number, or a constant of numbers, that hides whatever it replaces."""
    if isinstance(value, fx.Node) and value.name in constants:
        return bool((constants[value.name] <= HIDES).all())
    found = number(value, constants)
    return found is not None and found <= HIDES


def _added(node: fx.Node, constants: Constants, insertion: Insertion) -> _Masked | None:
    """x + mask, minus infinity, or very low, where it hides; what else a constant adds stays."""
    given = arguments(node)
    for inner, mask in ((given["self"], given["other"]), (given["other"], given["self"])):
        if not (isinstance(inner, fx.Node) and isinstance(mask, fx.Node)) or given["alpha"] != 1:
            continue
        if inner.name in constants:
            continue
        value = constants.get(mask.name)
        if value is None:
            seen = truth_of_mask(mask, constants, insertion)
            if seen is None:
                continue
            return _Masked(inner=inner, condition=seen, hides=False)
        hidden = value <= HIDES
        if not bool(hidden.any()):
            continue
        condition = insertion.call(aten.le.Scalar, mask, HIDES)
        if bool((value[~hidden] != 0).any()):
            finite = insertion.call(aten.masked_fill.Scalar, mask, condition, 0.0)
            inner = insertion.call(aten.add.Tensor, inner, finite)
        return _Masked(inner=inner, condition=condition, hides=True)
    return None


_CHOICES = (aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf)
