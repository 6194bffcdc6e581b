"""Lowering of operators that only move elements, whatever they are called: flip, roll, unfold, index, repeat, permute.

The operator itself is run on the positions of its source's elements; from where each element of the result comes from
follow slices, transposes, copies and, where nothing plainer fits, tables of positions. So a layout operator of torch
means here what it means in torch.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.ir.graph import Attribute, Tensor
from smidgen.lowering.builder import Builder

Positions = NDArray[np.int64]

#: Positions in a table are int16.
_MOST_POSITIONS = 2**15


def move(builder: Builder, node: fx.Node) -> None:
    """Any operator of one computed tensor whose result holds elements of it and nothing else."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    add_moves(builder, node, source, _result(builder, node, source))


def part(builder: Builder, node: fx.Node) -> None:
    """One of the results of a split, chunk or unbind."""
    split, index = node.args
    assert isinstance(split, fx.Node)
    assert isinstance(index, int)
    source = split.args[0]
    assert isinstance(source, fx.Node)
    add_moves(builder, node, source, _result(builder, split, source)[index])


def add_moves(builder: Builder, node: fx.Node, source: fx.Node, positions: torch.Tensor) -> None:
    """Add the ops that give `node` the elements of `source` at `positions`, which count along the flattened sample."""
    x = builder.operand(source)
    mover = _Mover(builder, node, x)
    wanted = positions.to(torch.int64).numpy().reshape(builder.shape(node))
    builder.values[node.name] = mover.gather(wanted).name


def _result(builder: Builder, node: fx.Node, source: fx.Node) -> Any:
    """Run an operator at a batch of one on the positions of its source's elements; float64 holds them exactly."""
    shape = builder.full_shape(source)
    positions = torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)

    def value(parent: fx.Node) -> Any:
        if parent is source:
            return positions
        if isinstance(parent.meta.get("val"), torch.SymInt):
            return builder.size(node, parent.meta["val"])
        if parent.name in builder.program.constants:
            return builder.program.constants[parent.name]
        raise builder.unsupported(
            node,
            f"its argument {parent.name} is computed from an input; it must be a constant. By computed positions "
            "only x[torch.arange(batch), position] and gather of whole steps compile; else multiply by F.one_hot(...)",
        )

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
    return node.target(*args, **kwargs)  # type: ignore[operator]


class _Mover:
    """Writes the ops of one node; the last of them carries the node's name."""

    def __init__(self, builder: Builder, node: fx.Node, x: Tensor) -> None:
        self._builder, self._node = builder, node
        self._steps: list[tuple[str, tuple[int, ...], dict[str, Attribute], Positions | None]] = []
        self._x = x
        self._shape = x.shape

    def gather(self, wanted: Positions) -> Tensor:
        """Return the tensor that holds x's elements at `wanted`."""
        if not np.array_equal(wanted.reshape(-1), np.arange(self._x.size)):
            coordinates = np.unravel_index(wanted, self._x.shape)
            varying = [_varying_axes(coordinate) for coordinate in coordinates]
            decided = [axis for axes in varying for axis in axes]
            if len(set(decided)) == len(decided):
                self._by_axes(wanted.shape, coordinates, varying)
            else:
                self._reshape((self._x.size,))
                self._take(0, wanted.reshape(-1))
        self._reshape(wanted.shape)
        return self._written()

    def _by_axes(self, shape: Sequence[int], coordinates: Sequence[Positions], varying: Sequence[list[int]]) -> None:
        """Each axis of x alone decides some axes of the result: take along each, then put them in order."""
        taken = [_along(coordinate, axes) for coordinate, axes in zip(coordinates, varying, strict=True)]
        for axis in sorted(range(len(taken)), key=lambda axis: len(taken[axis]) / self._x.shape[axis]):
            self._take(axis, taken[axis])
        covered = [axis for axes in varying for axis in axes]
        self._reshape([shape[axis] for axis in covered])
        order = sorted(range(len(covered)), key=lambda position: covered[position])
        if order != list(range(len(order))):
            self._add("transpose", [self._shape[axis] for axis in order], {"permutation": tuple(order)})
        repeated = [axis for axis, size in enumerate(shape) if size > 1 and axis not in covered]
        self._reshape([1 if axis in repeated else size for axis, size in enumerate(shape)])
        for axis in repeated:
            self._take(axis, np.zeros(shape[axis], np.int64))

    def _take(self, axis: int, positions: Positions) -> None:
        """Take positions along an axis, by the plainest op that can."""
        count, first = len(positions), int(positions[0])
        if np.array_equal(positions, np.arange(self._shape[axis])):
            return
        shape = tuple(count if i == axis else size for i, size in enumerate(self._shape))
        steps = np.unique(np.diff(positions))
        if len(steps) > 1:
            if self._shape[axis] > _MOST_POSITIONS:
                raise self._builder.unsupported(
                    self._node,
                    f"it takes irregular positions among {self._shape[axis]} elements, a table holds "
                    f"{_MOST_POSITIONS}; move elements along one axis at a time",
                )
            self._add("take", shape, {"axis": axis}, positions)
        elif count == 1 or steps[0] == 1:
            self._add("slice", shape, {"axis": axis, "start": first, "stop": first + count})
        else:
            attrs: dict[str, Attribute] = {"axis": axis, "start": first, "step": int(steps[0]), "count": count}
            self._add("strided_slice", shape, attrs)

    def _reshape(self, shape: Sequence[int]) -> None:
        if self._steps and self._steps[-1][0] == "reshape":  # one view of what was there before is enough
            self._steps.pop()
            self._shape = self._steps[-1][1] if self._steps else self._x.shape
        if tuple(shape) != self._shape:
            self._add("reshape", shape, {"shape": tuple(shape)})

    def _add(
        self, kind: str, shape: Sequence[int], attrs: dict[str, Attribute], positions: Positions | None = None
    ) -> None:
        self._steps.append((kind, tuple(shape), attrs, positions))
        self._shape = tuple(shape)

    def _written(self) -> Tensor:
        """Add the steps to the graph."""
        x, name = self._x, self._builder.op_name(self._node) if self._steps else ""
        for index, (kind, shape, attrs, positions) in enumerate(self._steps):
            last = index == len(self._steps) - 1
            tensor_name = self._node.name if last else self._builder.unused(f"{self._node.name}_{kind}")
            y = self._builder.add_tensor(tensor_name, shape, x.qparams, dtype=x.dtype)
            params = {} if positions is None else {"indices": positions.astype(np.int16)}
            self._builder.add_op(
                self._node, kind, [x], y, params, attrs, name=name if last else f"{name}.{index}.{kind}"
            )
            x = y
        return x


def _varying_axes(coordinate: Positions) -> list[int]:
    """Return the axes along which a coordinate changes."""
    return [
        axis for axis in range(coordinate.ndim) if not np.array_equal(coordinate, coordinate[_first(coordinate, axis)])
    ]


def _first(coordinate: Positions, axis: int) -> tuple[Any, ...]:
    """Return the index of what stands first along an axis, repeated to the full shape."""
    return (*[slice(None)] * axis, np.zeros(coordinate.shape[axis], np.int64))


def _along(coordinate: Positions, axes: Sequence[int]) -> Positions:
    """Return a coordinate that changes along `axes` alone as one list, the last axis fastest."""
    return coordinate[tuple(slice(None) if axis in axes else 0 for axis in range(coordinate.ndim))].reshape(-1)
