"""A scale or a shift by channel right after a linear layer or a convolution is part of its weights and bias.

Batch norms (as depthwise convolutions of one tap), layer scales, plain factors: no operator of the firmware, and no
rounding of an intermediate result.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten

_CONVOLUTIONS = (aten.conv1d.default, aten.conv1d.padding, aten.conv2d.default, aten.conv2d.padding)
_TRANSPOSED = (aten.conv_transpose1d.default, aten.conv_transpose2d.input)
_PRODUCTS = (aten.linear.default, *_CONVOLUTIONS, *_TRANSPOSED)

_SCALES = {aten.mul.Tensor: 1, aten.mul.Scalar: 1, aten.div.Tensor: -1, aten.div.Scalar: -1}
_SHIFTS = {aten.add.Tensor: 1, aten.add.Scalar: 1, aten.sub.Tensor: -1, aten.sub.Scalar: -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Affine:
    """x * scale ** power + sign * shift along one axis of x; scale and shift are constants (channels,) or numbers."""

    x: fx.Node
    axis: int | None  # None for numbers
    scale: fx.Node | float = 1.0
    power: int = 1
    shift: fx.Node | float = 0.0
    sign: int = 1


def merge_channel_scaling(graph: fx.Graph) -> bool:
    """Merge each scale and shift with the layer in front, where nothing else reads that; return if there was one."""
    merged = False
    for node in list(graph.nodes):
        if node.meta[COMPUTED]:
            affine = _single_tap(node) or _arithmetic(node)
            if affine is not None and _merge(node, affine):
                merged = True
    return merged


def _single_tap(node: fx.Node) -> _Affine | None:
    """Read a convolution of one tap and one channel a group."""
    if node.target not in _CONVOLUTIONS:
        return None
    given = arguments(node)
    weight, x = given["weight"], given["input"]
    channels, group_width, *taps = weight.meta["val"].shape
    trivial = all(size == 1 for size in (group_width, *taps, *_numbers(given["stride"])))
    unpadded = given["padding"] == "valid" or not any(_numbers(given["padding"]))
    same_channels = given["groups"] == channels == x.meta["val"].shape[-len(taps) - 1]
    if not (trivial and unpadded and same_channels) or _is_computed(weight, given["bias"]):
        return None
    shift = 0.0 if given["bias"] is None else given["bias"]
    return _Affine(x=x, axis=x.meta["val"].dim() - len(taps) - 1, scale=weight, shift=shift)


def _arithmetic(node: fx.Node) -> _Affine | None:
    """Read a product, quotient, sum or difference with a number or a vector along one axis."""
    if node.target not in _SCALES and node.target not in _SHIFTS:
        return None
    given = arguments(node)
    x, other = given["self"], given["other"]
    if node.target in (aten.mul.Tensor, aten.add.Tensor) and not _is_computed(x):
        x, other = other, x
    if not _is_computed(x) or _is_computed(other) or given.get("alpha", 1) != 1:
        return None
    size = x.meta["val"].shape
    axis = None
    if isinstance(other, fx.Node):
        other_size = other.meta["val"].shape
        wide = [i + len(size) - len(other_size) for i, length in enumerate(other_size) if length != 1]
        axis = wide[0] if wide else None
        if len(wide) > 1 or node.meta["val"].shape != size:
            return None
    if node.target in _SCALES:
        return _Affine(x=x, axis=axis, scale=other, power=_SCALES[node.target])
    return _Affine(x=x, axis=axis, shift=other, sign=_SHIFTS[node.target])


def _merge(node: fx.Node, affine: _Affine) -> bool:
    """Replace `node` by the layer in front of it with other weights, if there is one whose channels it scales."""
    product, axis, moves = affine.x, affine.axis, []
    while len(product.users) == 1 and product.target in (aten.transpose.int, aten.permute.default):
        moves.append(product)
        axis = None if axis is None else _order(product)[axis]
        product = product.all_input_nodes[0]
    if product.target not in _PRODUCTS or len(product.users) != 1:
        return False
    given = arguments(product)
    weight, bias = given["weight"], given["bias"]
    weight_rank, rank = weight.meta["val"].dim(), product.meta["val"].dim()
    channel_axis = rank - (1 if product.target is aten.linear.default else weight_rank - 1)
    weight_axis = 1 if product.target in _TRANSPOSED else 0
    if _is_computed(weight, bias) or axis not in (None, channel_axis):
        return False
    if axis is not None and weight_axis == 1 and given["groups"] != 1:
        return False
    call = Insertion(node, like=product).call
    channels = int(product.meta["val"].shape[channel_axis])
    along = [channels if i == weight_axis else 1 for i in range(weight_rank)]

    def shaped(value: fx.Node | float, shape: list[int]) -> fx.Node | float:
        if not isinstance(value, fx.Node):
            return value
        return call(aten.reshape.default, value, [] if axis is None else shape)

    apply = aten.mul.Tensor if affine.power == 1 else aten.div.Tensor
    given["weight"] = call(apply, weight, shaped(affine.scale, along))
    if bias is None and affine.shift != 0.0:
        bias = call(aten.new_zeros.default, weight, [channels])
    if bias is not None:
        scaled = call(apply, bias, shaped(affine.scale, [channels]))
        given["bias"] = call(aten.add.Tensor, scaled, shaped(affine.shift, [channels]), alpha=affine.sign)
    merged = call(product.target, *given.values())
    for move in reversed(moves):
        merged = Insertion(node, like=move).call(move.target, merged, *move.args[1:])  # type: ignore[arg-type]
    node.replace_all_uses_with(merged)
    for gone in (node, *moves, product):
        gone.graph.erase_node(gone)
    return True


def _order(move: fx.Node) -> list[int]:
    """Return which axis of its source each axis of a transpose or permute is."""
    given, rank = arguments(move), move.meta["val"].dim()
    axes = list(range(rank))
    if move.target is aten.permute.default:
        return [axes[axis] for axis in given["dims"]]
    first, second = given["dim0"], given["dim1"]
    axes[first], axes[second] = axes[second], axes[first]
    return axes


def _is_computed(*values: Any) -> bool:
    """Return whether a value of an input reaches one of these."""
    return any(isinstance(value, fx.Node) and value.meta[COMPUTED] for value in values)


def _numbers(value: Any) -> list[int]:
    return list(value) if isinstance(value, list | tuple) else [value]
