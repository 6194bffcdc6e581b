"""From PyTorch's channels-first tensors to the channels-last ones in which windows and norms compute, and back.

Transposes that meet cancel in the pass `fold`, so that a stack of convolutions has none inside.
"""

from torch import fx

from smidgen.ir.graph import Tensor
from smidgen.lowering.builder import Builder


def channels_last(builder: Builder, node: fx.Node, x: Tensor, name: str, *, spatial: int) -> Tensor:
    """Return x (*lead, channels, *spatial) as (*lead, *spatial, channels); `spatial` counts the axes after channels."""
    order = _last_order(len(x.shape), spatial)
    last = builder.add_tensor(f"{name}.x_last", [x.shape[axis] for axis in order], x.qparams)
    builder.add_op(node, "transpose", [x], last, attrs={"permutation": order}, name=f"{name}.to_channels_last")
    return last


def last_result(builder: Builder, y: Tensor, name: str, *, spatial: int) -> Tensor:
    """Add and return a tensor (*lead, *spatial, channels) for the values of y (*lead, channels, *spatial)."""
    shape = [y.shape[axis] for axis in _last_order(len(y.shape), spatial)]
    return builder.add_tensor(f"{name}.y_last", shape, y.qparams)


def channels_first(builder: Builder, node: fx.Node, last: Tensor, y: Tensor, name: str, *, spatial: int) -> None:
    """Write the values of `last` (*lead, *spatial, channels) to y (*lead, channels, *spatial)."""
    order = _last_order(len(y.shape), spatial)
    back = tuple(order.index(axis) for axis in range(len(order)))
    builder.add_op(node, "transpose", [last], y, attrs={"permutation": back}, name=f"{name}.to_channels_first")


def _last_order(rank: int, spatial: int) -> tuple[int, ...]:
    """Return the permutation that moves the channels, which stand before the spatial axes, behind them."""
    channel_axis = rank - spatial - 1
    return (*range(channel_axis), *range(channel_axis + 1, rank), channel_axis)
