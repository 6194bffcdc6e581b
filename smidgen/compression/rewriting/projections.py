"""A linear layer whose result is taken apart for several uses becomes one linear layer for each.

Queries, keys and values are often one layer, parted by reshape, permute, select, unbind or chunk in any order. Apart,
each has a range of its own, its heads stand where attention reads them, and nothing is copied.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.positions import MOVES, Positions
from smidgen.compression.structure import arguments, parts_of_split, readers

aten = torch.ops.aten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """What one use takes of a layer: the layer's `columns`, shaped `(*lead, *sizes)` and put in `order`."""

    columns: tuple[int, ...]
    sizes: tuple[int, ...]
    order: tuple[int, ...]
    merged: bool  # the batch with the axis after it


def part_projections(graph: fx.Graph, batch: BatchAxis) -> bool:
    """Replace every linear layer that is used in parts; return whether there was one.

    A layer that is split along its last axis at once is left as it is: its parts have ranges of their own already.
    """
    parted = False
    for node in list(graph.nodes):
        if node.target is aten.linear.default and readers(node) and not parts_of_split(node):
            parted |= _part(node, batch)
    return parted


def _part(linear: fx.Node, batch: BatchAxis) -> bool:
    uses = _uses(linear)
    if len(uses) < 2:
        return False
    positions = Positions(linear, batch)
    width = positions.root.shape[-1]
    parts = [_read(use, linear, positions, batch) for use in uses]
    if sum(len(part.columns) for part in parts if part is not None) > width or None in parts:
        return False
    insertion = Insertion(linear)
    for use, part in zip(uses, parts, strict=True):
        assert part is not None
        use.replace_all_uses_with(_write(linear, use, part, batch, insertion))
    return True


def _uses(node: fx.Node) -> list[fx.Node]:
    """Return the nodes of which something other than a move reads the values, the node itself included."""
    found = []
    for reader in readers(node):
        if reader.target in MOVES:
            found += _uses(reader)
        elif node not in found:
            found.append(node)
    return list(dict.fromkeys(found))


def _read(use: fx.Node, linear: fx.Node, positions: Positions, batch: BatchAxis) -> _Part | None:
    """Return how a use is made of the layer's columns, None where it is no plain arrangement of them."""
    lead, width = _lead(linear, batch, positions.n_samples), positions.root.shape[-1]
    found = positions.of(use)
    axes = [i for i, size in enumerate(use.meta["val"].shape) if batch.varies(size) and batch.at_one(size) != 1]
    if axes:  # (b * H, T, w): told as (b, H, T, w)
        if axes != [0]:
            return None
        found = found.reshape(positions.n_samples, -1, *found.shape[1:])
    row, column = (values.numpy() for values in (found.long() // width, found.long() % width))
    lead_axes = _match_rows(row, lead)  # axis of the use -> axis of the layer
    if lead_axes is None or any(_varies(column, axis) for axis in lead_axes):
        return None
    column_axes = [axis for axis in range(row.ndim) if axis not in lead_axes]
    placed = lead_axes | {axis: len(lead) + i for i, axis in enumerate(column_axes)}
    first_row = column[tuple(0 if axis in lead_axes else slice(None) for axis in range(row.ndim))]
    part = _Part(
        columns=tuple(int(index) for index in first_row.flat),
        sizes=tuple(row.shape[axis] for axis in column_axes),
        order=tuple(placed[axis] for axis in range(row.ndim)),
        merged=bool(axes),
    )
    whole = positions.root.reshape(-1, width)[:, list(part.columns)]
    rebuilt = whole.reshape(*lead, *part.sizes).permute(part.order)
    return part if torch.equal(rebuilt, found) else None


def _match_rows(row: NDArray[np.int64], lead: Sequence[int]) -> dict[int, int] | None:
    """Return which axis runs along which leading axis of the layer, None unless each of those has one."""
    strides = [math.prod(lead[axis + 1 :]) for axis in range(len(lead))]
    matched = {}
    for axis in range(row.ndim):
        if _varies(row, axis):
            stride = int(row.take(1, axis).flat[0] - row.flat[0])
            if (row.shape[axis], stride) not in zip(lead, strides, strict=True):
                return None
            matched[axis] = strides.index(stride)
    return matched if sorted(matched.values()) == list(range(len(lead))) else None


def _lead(linear: fx.Node, batch: BatchAxis, n_samples: int) -> list[int]:
    """Return the leading axes of a layer, longer than one, with the batch as an axis of its own of `n_samples`."""
    sizes = []
    for size in linear.meta["val"].shape[:-1]:
        sizes += [n_samples, batch.at_one(size) or 0] if batch.varies(size) else [size]
    return [size for size in sizes if size != 1]


def _varies(values: NDArray[np.int64], axis: int) -> bool:
    return bool((values != values.take([0], axis)).any())


def _write(linear: fx.Node, use: fx.Node, part: _Part, batch: BatchAxis, insertion: Insertion) -> fx.Node:
    """Add a layer of the part's columns, in the axes of the use."""
    given = arguments(linear)
    weight = _rows(given["weight"], part.columns, insertion)
    bias = None if given["bias"] is None else _rows(given["bias"], part.columns, insertion)
    layer = insertion.call(aten.linear.default, given["input"], weight, bias)
    shaped = insertion.call(aten.reshape.default, layer, [*_lead(linear, batch, -1), *part.sizes])
    turned = insertion.call(aten.permute.default, shaped, list(part.order))
    if not part.merged:
        return turned
    return insertion.call(aten.reshape.default, turned, [-1, *use.meta["val"].shape[1:]])


def _rows(value: fx.Node, rows: Sequence[int], insertion: Insertion) -> fx.Node:
    """Return rows of a weight: slices of those that follow one another, joined."""
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(rows)) if b != a + 1), len(rows)]
    runs = [(rows[start], rows[stop - 1] + 1) for start, stop in pairwise(starts)]
    slices = [insertion.call(aten.slice.Tensor, value, 0, *run) for run in runs]
    return slices[0] if len(slices) == 1 else insertion.call(aten.cat.default, slices)
