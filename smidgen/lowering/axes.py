"""Axes brought into the order in which a kernel has them, and back."""

from torch import fx

from smidgen.ir.graph import Tensor
from smidgen.lowering.builder import Builder

Order = tuple[int, ...]


def axis_last(rank: int, axis: int) -> Order:
    """Return the axes with one of them behind all others."""
    return (*(other for other in range(rank) if other != axis), axis)


def axis_first(rank: int, axis: int) -> Order:
    """Return the axes with one of them in front of all others."""
    return (axis, *(other for other in range(rank) if other != axis))


def reordered(builder: Builder, node: fx.Node, x: Tensor, order: Order, name: str) -> Tensor:
    """Return x with its axes in another order; `name` is that of the op that this takes."""
    if _is_same(order):
        return x
    y = builder.add_tensor(builder.unused(f"{name}_x"), [x.shape[axis] for axis in order], x.qparams, x.dtype)
    builder.add_op(node, "transpose", [x], y, attrs={"permutation": order}, name=name)
    return y


def reordered_result(builder: Builder, y: Tensor, order: Order, name: str) -> Tensor:
    """Return the tensor into which a kernel writes y with its axes in another order: y itself where that is its own."""
    if _is_same(order):
        return y
    return builder.add_tensor(f"{name}.y_reordered", [y.shape[axis] for axis in order], y.qparams, y.dtype)


def restore(builder: Builder, node: fx.Node, reordered_y: Tensor, y: Tensor, order: Order, name: str) -> None:
    """Bring a result's axes back."""
    if reordered_y is not y:
        back = tuple(order.index(place) for place in range(len(order)))
        builder.add_op(node, "transpose", [reordered_y], y, attrs={"permutation": back}, name=f"{name}.back")


def _is_same(order: Order) -> bool:
    return order == tuple(range(len(order)))
