"""Rotary positions in any spelling become one operator: halves or pairs, real or complex, all channels or some.

A product with a table of constants marks the place; from a tensor before it, every node that is linear in that tensor
is read as a form, and the last that is a rotation of it by steps is replaced.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.linear_forms import Form, LinearForms
from smidgen.compression.rewriting.positions import MOVES
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import readers
from smidgen.models.rotary import rotary

aten = torch.ops.aten

_BEFORE = MOVES | {
    aten.cat.default, aten.stack.default, aten.neg.default, aten.view_as_complex.default, aten.complex.default,
    aten._to_copy.default,
}  # fmt: skip
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rotation:
    """`node` is `root` turned by tables (T, p) along an axis of steps."""

    root: fx.Node
    node: fx.Node
    cos: Tensor
    sin: Tensor
    time_axis: int
    interleaved: bool


def fuse_rotary(graph: fx.Graph, constants: Constants, batch: BatchAxis) -> bool:
    """Replace every rotation by tables of constants; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        if _multiplies_table(node, constants):
            found = [_find(root, constants, batch) for root in _roots(node, constants)]
            rotations = [rotation for rotation in found if rotation is not None]
            if rotations:
                _replace(rotations[-1])  # of the farthest tensor: one that holds channels that only pass, too
                graph.eliminate_dead_code()
                fused = True
    return fused


def _multiplies_table(node: fx.Node, constants: Constants) -> bool:
    """True for a product of something computed with a constant that has at least two axes."""
    if node.target is not aten.mul.Tensor or not readers(node):
        return False
    values = [constants[x.name] for x in node.all_input_nodes if x.name in constants]
    return any(sum(size > 1 for size in value.shape) > 1 for value in values)


def _roots(node: fx.Node, constants: Constants) -> Iterator[fx.Node]:
    """Yield the nodes that the product may be a rotation of, the nearest first."""
    waiting, seen = [x for x in node.all_input_nodes if x.name not in constants], set()
    while waiting:
        root = waiting.pop(0)
        if root in seen or not isinstance(root.meta["val"], Tensor | list | tuple):
            continue
        seen.add(root)
        if isinstance(root.meta["val"], Tensor) and root.meta["val"].is_floating_point():
            yield root
        if root.target in _BEFORE:
            waiting += [x for x in root.all_input_nodes if x.name not in constants]


def _find(root: fx.Node, constants: Constants, batch: BatchAxis) -> _Rotation | None:
    """Return the last node that is a rotation of `root`."""
    forms = LinearForms(root, batch, constants)
    for node in reversed(forms.follow()):
        form = forms.of(node)
        if form is not None and len(form) > 1 and form[0][0].shape == forms.whole.shape and readers(node):
            width = forms.whole.shape[-1]
            for pairs in range(width // 2, 0, -1):
                for interleaved in (False, True):
                    tables = _tables(form, forms.whole, pairs, interleaved)
                    if tables is not None:
                        cos, sin, axis = tables
                        return _Rotation(
                            root=root, node=node, cos=cos, sin=sin, time_axis=axis, interleaved=interleaved
                        )
    return None


def _replace(found: _Rotation) -> None:
    insertion = Insertion(found.node)
    cos = insertion.constant(f"{found.node.name}_cos", found.cos)
    sin = insertion.constant(f"{found.node.name}_sin", found.sin)
    turned = insertion.call(rotary, found.root, cos, sin, found.time_axis, found.interleaved)
    found.node.replace_all_uses_with(turned)


# ---- what a form says ------------------------------------------------------------------------------------------------


def _tables(form: Form, whole: Tensor, pairs: int, interleaved: bool) -> tuple[Tensor, Tensor, int] | None:
    """Return cos, sin (T, p) and the axis of T if a form turns the first 2 p channels of `whole` (.., w), in pairs."""
    turned = torch.arange(2 * pairs)
    partner = turned ^ 1 if interleaved else (turned + pairs) % (2 * pairs)
    nowhere = torch.full_like(whole[..., 2 * pairs :], -1.0)
    opposite = torch.cat([whole[..., partner], nowhere], dim=-1)
    own, across = _coefficients(form, whole), _coefficients(form, opposite)
    strays = [torch.where((place == whole) | (place == opposite), 0.0, factor.abs()) for place, factor in form]
    if own.is_complex() or not all(_same(stray, torch.zeros_like(stray)) for stray in strays):
        return None
    a, b = (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)) if interleaved else (slice(pairs), slice(pairs, 2 * pairs))
    turns = _same(own[..., a], own[..., b]) and _same(across[..., a], -across[..., b]) and bool(across.any())
    axes = [axis for axis in range(whole.dim() - 1) if _varies(own, axis) or _varies(across, axis)]
    if not turns or not _same(own[..., 2 * pairs :], torch.ones_like(nowhere)) or len(axes) != 1:
        return None
    by_step = tuple(slice(None) if i in (*axes, whole.dim() - 1) else 0 for i in range(whole.dim()))
    return own[by_step][:, a].float(), across[by_step][:, b].float(), axes[0]


def _coefficients(form: Form, positions: Tensor) -> Tensor:
    """Return by what each element multiplies the root's element at its one of `positions`."""
    return torch.stack([torch.where(place == positions, factor, 0.0) for place, factor in form]).sum(dim=0)


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=0.0, atol=_SAME)


def _varies(values: Tensor, axis: int) -> bool:
    return bool((values - values.narrow(axis, 0, 1)).abs().max() > _SAME)
