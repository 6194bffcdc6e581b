"""Reductions in their many spellings as few: one result each, lengths of order 1 and infinity as sums and extremes."""

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten

_Call = Callable[..., fx.Node]
_Given = dict[str, Any]


def unify_reductions(graph: fx.Graph) -> bool:
    """Replace every other spelling of a reduction; return whether there was one."""
    found = False
    for node in list(graph.nodes):
        if not node.meta[COMPUTED]:
            continue
        if node.target in _PAIRS:
            found = True
            for user in list(node.users):
                assert user.target is operator.getitem, "its results are a tuple"
                result = _PAIRS[node.target][user.args[1]](Insertion(user).call, arguments(node))
                user.replace_all_uses_with(result)
        elif node.target in _SINGLES:
            result = _SINGLES[node.target](Insertion(node).call, arguments(node))
            if result is not None:
                found = True
                node.replace_all_uses_with(result)
    graph.eliminate_dead_code()
    return found


def _of_best(target: Any) -> Callable[[_Call, _Given], fx.Node]:
    return lambda call, given: call(target, given["self"], [given["dim"]], given["keepdim"])


def _where_best(target: Any) -> Callable[[_Call, _Given], fx.Node]:
    return lambda call, given: call(target, given["self"], given["dim"], given["keepdim"])


def _spread(target: Any) -> Callable[[_Call, _Given], fx.Node]:
    """Return the rewriting of a variance or deviation whose correction is a flag."""

    def rewritten(call: _Call, given: _Given) -> fx.Node:
        correction = given["correction"] if "correction" in given else int(given["unbiased"])
        return call(
            target, given["self"], given.get("dim"), correction=correction, keepdim=given.get("keepdim", False)
        )  # fmt: skip

    return rewritten


def _average(call: _Call, given: _Given) -> fx.Node:
    return call(aten.mean.dim, given["self"], given["dim"], given["keepdim"])


def _whole(target: Any) -> Callable[[_Call, _Given], fx.Node]:
    """Return the rewriting of a reduction over everything."""
    return lambda call, given: call(target, given["self"], list(range(given["self"].meta["val"].dim())))


def _length(call: _Call, given: _Given) -> fx.Node | None:
    """Rewrite lengths of vectors: a sum of magnitudes, the largest magnitude, or the Euclidean one."""
    x = given["self"]
    order = given["ord"] if "ord" in given else given["p"]
    order = 2 if order is None else float(order)
    dims = given.get("dim")
    dims = [dims] if isinstance(dims, int) else list(dims or range(x.meta["val"].dim()))
    keep = given.get("keepdim", False)
    if order == 1:
        return call(aten.sum.dim_IntList, call(aten.abs.default, x), dims, keep)
    if order in (math.inf, -math.inf):
        return call(aten.amax.default if order > 0 else aten.amin.default, call(aten.abs.default, x), dims, keep)
    if order == 2 and "ord" in given and given["ord"] == 2 and isinstance(given.get("dim"), list):
        return None  # as it is to be
    return call(aten.linalg_vector_norm.default, x, order, dims, keep)


#: The rewriting of each result of an operator that has two.
_PAIRS: dict[Any, tuple[Callable[[_Call, _Given], fx.Node], ...]] = {
    aten.max.dim: (_of_best(aten.amax.default), _where_best(aten.argmax.default)),
    aten.min.dim: (_of_best(aten.amin.default), _where_best(aten.argmin.default)),
    aten.var_mean.dim: (_spread(aten.var.correction), _average),
    aten.var_mean.correction: (_spread(aten.var.correction), _average),
    aten.std_mean.dim: (_spread(aten.std.correction), _average),
    aten.std_mean.correction: (_spread(aten.std.correction), _average),
}

_SINGLES: dict[Any, Callable[[_Call, _Given], fx.Node | None]] = {
    aten.var.dim: _spread(aten.var.correction),
    aten.var.default: _spread(aten.var.correction),
    aten.std.dim: _spread(aten.std.correction),
    aten.std.default: _spread(aten.std.correction),
    aten.mean.default: _whole(aten.mean.dim),
    aten.sum.default: _whole(aten.sum.dim_IntList),
    aten.max.default: _whole(aten.amax.default),
    aten.min.default: _whole(aten.amin.default),
    aten.linalg_vector_norm.default: _length,
    aten.linalg_norm.default: _length,
    aten.norm.Scalar: _length,
    aten.norm.ScalarOpt_dim: _length,
}

#: Operators that do not occur any more, and what of them compiles.
REWRITTEN_REDUCTIONS: dict[Any, str] = {
    **dict.fromkeys(_PAIRS, "Both results."),
    **dict.fromkeys(set(_SINGLES) - {aten.linalg_vector_norm.default}, "Over one axis or several."),
}
