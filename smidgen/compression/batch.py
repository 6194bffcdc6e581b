"""Where the batch stands in the float program's tensors, and proof that each sample is computed alone.

torch.export leaves the batch as a free size s. A firmware computes one sample: a tensor's shape there is its shape at
s = 1 without the axis of size s. Models move that axis (T, B, D) and merge it with others (B * H, T, w); at s = 1 a
merged axis is what it was merged with.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import Tensor, fx

from smidgen.compression.structure import unsupported

#: Largest relative error between a sample computed alone and beside another: float32 sums in another order.
_TOLERANCE = 1e-3
#: Share of elements that may differ for all that: what lies at the edge of a comparison.
_STRAY = 0.01

Values = Mapping[str, Tensor]
#: A number, or a torch.SymInt: an expression of free sizes.
Size = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAxis:
    """The free sizes of a program; empty in one captured at a fixed batch of 1."""

    symbols: frozenset[Any]  # sympy symbols

    def varies(self, size: Size) -> bool:
        """True if a size grows with the batch."""
        return bool(_expression(size).free_symbols & self.symbols)

    def at_one(self, size: Size) -> int | None:
        """Return a size at a batch of one, None if something else than the batch decides it."""
        return self.at(size, 1)

    def at(self, size: Size, n_samples: int) -> int | None:
        """Return a size at some batch, None if something else than the batch decides it."""
        expression = _expression(size).subs(dict.fromkeys(self.symbols, n_samples))
        return int(expression) if expression.is_Integer else None

    def of(self, value: Tensor) -> int | None:
        """Return the axis that is the batch and nothing else, None where it is merged with others.

        At a fixed batch of 1 any axis of size one will do: the first, or the second of (T, 1, D).
        """
        if self.symbols:
            axes = [i for i, size in enumerate(value.shape) if self.varies(size) and self.at_one(size) == 1]
        else:
            axes = [i for i, size in enumerate(value.shape) if size == 1 and (i == 0 or i == 1 < value.dim() - 1)]
        return axes[0] if axes else None

    def full_shape(self, value: Tensor) -> tuple[int | None, ...]:
        """Return the shape at a batch of one, the batch axis included."""
        return tuple(self.at_one(size) for size in value.shape)

    def sample_shape(self, value: Tensor) -> tuple[int | None, ...]:
        """Return the shape of one sample: that at a batch of one, without the batch axis."""
        batch = self.of(value)
        return tuple(size for axis, size in enumerate(self.full_shape(value)) if axis != batch)


def written_shape(value: Tensor) -> tuple[Any, ...]:
    """Return a shape as expressions, which compare as they are written."""
    return tuple(_expression(size) for size in value.shape)


def free_sizes(graph: fx.Graph, inputs: Iterable[str]) -> BatchAxis:
    """Return the symbols that stand first in the shapes of the user's inputs."""
    names = set(inputs)
    symbols: set[Any] = set()
    for node in graph.nodes:
        if node.op == "placeholder" and node.name in names and isinstance(node.meta["val"], Tensor):
            symbols.update(*(_expression(size).free_symbols for size in node.meta["val"].shape[:1]))
    return BatchAxis(symbols=frozenset(symbols))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlace:
    """How samples lie in a tensor: its `axis` is (outer, batch, inner) in this order."""

    axis: int
    outer: int
    inner: int

    def samples_first(self, value: Tensor, n_samples: int) -> Tensor:
        """Return the tensor as (B, *shape of a sample)."""
        before, after = value.shape[: self.axis], value.shape[self.axis + 1 :]
        split = value.reshape(*before, self.outer, n_samples, self.inner, *after)
        samples = split.movedim(len(before) + 1, 0)
        merged = () if self.outer * self.inner == 1 else (self.outer * self.inner,)
        return samples.reshape(n_samples, *before, *merged, *after)


def locate_batch(
    nodes: Iterable[fx.Node],
    batch: BatchAxis,
    constants: Iterable[str],
    record: Callable[[Sequence[Tensor]], Values],
    example: Sequence[Tensor],
) -> dict[str, BatchPlace]:
    """Find where the samples lie in every tensor by computing two of them together and each alone.

    Args: record, which runs inputs and returns every node's value; example, inputs of which the first sample is taken.
    Raises UnsupportedError that names the first operator by which one sample reaches another.
    """
    first = [x[:1] for x in example]
    second = [_another(x) for x in first]
    alone = [record(first), record(second)]
    together = record([torch.cat(pair) for pair in zip(first, second, strict=True)])
    fixed = set(constants)
    places: dict[str, BatchPlace] = {}
    for node in nodes:
        if node.name in fixed or node.name not in together:
            continue
        place = _place(node, batch, together[node.name], [values[node.name] for values in alone])
        if place is None:
            raise unsupported(
                node,
                "it works along the batch axis; each sample must be computed alone. Give a single sample its batch "
                "axis by unsqueeze(0) where the model wants one, and take no element, sum or order along it",
            )
        places[node.name] = place
    return places


def _expression(size: Size) -> Any:
    return size.node.expr if isinstance(size, torch.SymInt) else sympy.Integer(size)


def _another(sample: Tensor) -> Tensor:
    """Return another legal sample: the same values in reverse order, or one more where that changes nothing."""
    reverse = sample.flip(tuple(range(sample.dim())))
    return reverse + 1 if sample.is_floating_point() and torch.equal(reverse, sample) else reverse


def _place(node: fx.Node, batch: BatchAxis, together: Tensor, alone: Sequence[Tensor]) -> BatchPlace | None:
    """Return how the two samples lie in what was computed together, None if it holds anything else."""
    axes = [i for i, size in enumerate(node.meta["val"].shape) if batch.varies(size)]
    if len(axes) != 1:
        return None
    (axis,) = axes
    merged = together.shape[axis] // len(alone)
    for inner in range(merged, 0, -1):
        if merged % inner == 0:
            place = BatchPlace(axis=axis, outer=merged // inner, inner=inner)
            if math.prod(together.shape) != len(alone) * alone[0].numel():
                return None
            samples = place.samples_first(together, len(alone))
            if all(_agree(one.reshape(samples.shape[1:]), found) for one, found in zip(alone, samples, strict=True)):
                return place
    return None


def _agree(expected: Tensor, found: Tensor) -> bool:
    if expected.dtype.is_floating_point:
        scale = expected[expected.isfinite()].abs().amax() if expected.isfinite().any() else torch.tensor(0.0)
        same = torch.isclose(expected, found, rtol=_TOLERANCE, atol=float(scale) * _TOLERANCE, equal_nan=True)
    else:
        same = expected == found
    return bool((~same).float().mean() <= _STRAY)
