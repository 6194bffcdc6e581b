"""Norms that are spelled out become torch's: one operator, with one rounding, in place of up to ten.

    RMSNorm:   x / sqrt(mean(x^2) + eps) * weight
    LayerNorm: (x - mean(x)) / sqrt(var(x) + eps) * weight + bias

along one axis, the root as sqrt, rsqrt or a power, the variance as var or as a mean of squares.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments, readers

aten = torch.ops.aten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Norm:
    """What is normalised along which axis (-1 is the last), minus its mean or not, and the node with the result."""

    x: fx.Node
    axis: int
    eps: float
    is_centred: bool
    result: fx.Node
    weight: fx.Node | None = None
    bias: fx.Node | None = None


def fuse_norms(graph: fx.Graph) -> bool:
    """Replace every norm that is spelled out; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        norm = _norm(node)
        if norm is not None:
            _replace(_with_bias(_with_weight(norm)))
            fused = True
    graph.eliminate_dead_code()
    return fused


def _replace(norm: _Norm) -> None:
    call = Insertion(norm.result).call
    is_last = norm.axis == -1
    size = norm.x.meta["val"].shape[norm.axis]
    x = norm.x if is_last else call(aten.transpose.int, norm.x, norm.axis, -1)
    weight, bias = (
        None if node is None else call(aten.reshape.default, node, [size]) for node in (norm.weight, norm.bias)
    )
    if norm.is_centred:
        y = call(aten.layer_norm.default, x, [size], weight, bias, norm.eps)
    else:
        y = call(aten.rms_norm.default, x, [size], weight, norm.eps)
    norm.result.replace_all_uses_with(y if is_last else call(aten.transpose.int, y, norm.axis, -1))


def _norm(node: fx.Node) -> _Norm | None:
    """Return the norm that a node finishes, without weight and bias: a tensor over the root of its mean square."""
    if node.target not in (aten.mul.Tensor, aten.div.Tensor):
        return None
    a, b = node.args[:2]
    orders = ((a, b), (b, a)) if node.target is aten.mul.Tensor else ((a, b),)
    for x, scale in orders:
        if not (isinstance(x, fx.Node) and isinstance(scale, fx.Node) and x.meta[COMPUTED] and scale.meta[COMPUTED]):
            continue
        root = _under_root(scale, inverted=node.target is aten.mul.Tensor)
        found = None if root is None else _mean_square(root)
        if found is None:
            continue
        squared, axis, eps, is_variance = found
        whole = _minus_mean(x, axis)
        if whole is not None and whole is (squared if is_variance else _minus_mean(squared, axis)):
            return _Norm(x=whole, axis=axis, eps=eps, is_centred=True, result=node)
        if squared is x and not is_variance:
            return _Norm(x=x, axis=axis, eps=eps, is_centred=False, result=node)
    return None


def _under_root(node: fx.Node, *, inverted: bool) -> fx.Node | None:
    """Return what stands under the square root, or under 1 / root with `inverted`; None for anything else."""
    if node.target is aten.pow.Tensor_Scalar:
        return _operand(node) if node.args[1] == (-0.5 if inverted else 0.5) else None
    if not inverted:
        return _operand(node) if node.target is aten.sqrt.default else None
    if node.target is aten.rsqrt.default:
        return _operand(node)
    if node.target is aten.reciprocal.default:
        inner = _operand(node)
        return None if inner is None else _under_root(inner, inverted=False)
    return None


def _operand(node: fx.Node) -> fx.Node | None:
    operand = node.args[0]
    return operand if isinstance(operand, fx.Node) else None


def _mean_square(node: fx.Node) -> tuple[fx.Node, int, float, bool] | None:
    """Return x, axis, eps and whether x still has its mean, of mean(x^2) + eps or var(x) + eps; None for others."""
    eps = node.args[1] if node.target is aten.add.Tensor else None
    if not isinstance(eps, float) or eps <= 0.0 or node.kwargs:
        return None
    mean = _operand(node)
    if mean is None or mean.target not in (aten.mean.dim, aten.var.correction):
        return None
    given = arguments(mean)
    axes, value = given["dim"], mean.meta["val"]
    if not given["keepdim"] or axes is None or len(axes) != 1:
        return None
    axis = axes[0] % value.dim() - value.dim()
    x = given["self"]
    if not isinstance(x.meta["val"].shape[axis], int):
        return None
    if mean.target is aten.var.correction:
        return (x, axis, eps, True) if given["correction"] == 0 else None
    squared = _root_of_square(x)
    return None if squared is None else (squared, axis, eps, False)


def _root_of_square(node: fx.Node) -> fx.Node | None:
    """Return x of x^2 or x * x."""
    if node.target is aten.square.default or (node.target is aten.pow.Tensor_Scalar and node.args[1] == 2):
        return _operand(node)
    if node.target is aten.mul.Tensor and node.args[0] is node.args[1]:
        return _operand(node)
    return None


def _minus_mean(node: fx.Node, axis: int) -> fx.Node | None:
    """Return x of x - mean(x) along an axis, None for anything else."""
    if node.target is not aten.sub.Tensor or node.kwargs:
        return None
    x, mean = node.args[:2]
    if not isinstance(mean, fx.Node) or mean.target is not aten.mean.dim:
        return None
    given = arguments(mean)
    along = given["keepdim"] and [dim % mean.meta["val"].dim() - mean.meta["val"].dim() for dim in given["dim"] or ()]
    return x if given["self"] is x and along == [axis] and isinstance(x, fx.Node) else None


# ---- weight and bias -------------------------------------------------------------------------------------------------


def _with_weight(norm: _Norm) -> _Norm:
    """Take in the product with constants, one for each element along the axis, that alone reads the result."""
    user = _only_reader(norm.result, aten.mul.Tensor)
    weight = None if user is None else _constant_beside(user, norm)
    return norm if user is None or weight is None else replace(norm, weight=weight, result=user)


def _with_bias(norm: _Norm) -> _Norm:
    """Take in the sum with constants that alone reads the result of a norm that can have a bias."""
    user = _only_reader(norm.result, aten.add.Tensor) if norm.is_centred else None
    bias = None if user is None or user.kwargs else _constant_beside(user, norm)
    return norm if user is None or bias is None else replace(norm, bias=bias, result=user)


def _only_reader(node: fx.Node, target: Any) -> fx.Node | None:
    users = readers(node)
    return users[0] if len(users) == 1 and users[0].target is target else None


def _constant_beside(user: fx.Node, norm: _Norm) -> fx.Node | None:
    """Return the other operand where it holds one number for each element along the axis of the norm."""
    a, b = user.args[:2]
    other = b if a is norm.result else a
    if not isinstance(other, fx.Node) or other.meta[COMPUTED] or "val" not in other.meta:
        return None
    shape = other.meta["val"].shape
    ones = [1] * (-1 - norm.axis)
    along = [norm.x.meta["val"].shape[norm.axis], *ones]
    return other if list(shape[norm.axis :]) == along and all(size == 1 for size in shape[: norm.axis]) else None
