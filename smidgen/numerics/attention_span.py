"""Which keys a query sees, and where the bias of a pair stands. Twin of kernels/attention_span.h.

Glossary: T queries, S keys, H heads; query i stands at step t = i + offset among the keys.
A bias is told for every pair, (H or 1, T, S), or by distance t - j, (H or 1, ahead + behind + 1) from the farthest key
ahead to the farthest behind; a longer table of a causal span serves a longer sequence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError

_LEAST_BLOCK = 256  # of queries

_Number = TypeVar("_Number", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSpan:
    """Causal: no key j > t. Window w > 0: no key farther than w - 1 steps, ahead or behind; 0 for all keys."""

    causal: bool = False
    window: int = 0
    offset: int = 0

    def visible(self, queries: int, keys: int) -> NDArray[np.bool_]:
        """Return (T, S), true where a query sees a key."""
        distance = self._distances(queries, keys)
        near = np.abs(distance) < self.window if self.window else np.ones_like(distance, bool)
        return near & (distance >= 0) if self.causal else near

    def blocks(self, queries: int, keys: int) -> "Iterator[Block]":
        """Yield queries, the keys that they may see, and their span among those: all at once, or where a causal window
        hides most of the pairs, some queries after the others.
        """
        if not (self.causal and self.window) or queries <= max(self.window, _LEAST_BLOCK):
            yield slice(0, queries), slice(0, keys), self
            return
        size = max(self.window, _LEAST_BLOCK)
        for start in range(0, queries, size):
            stop = min(start + size, queries)
            first = min(max(0, start + self.offset - self.window + 1), keys - 1)
            offset = self.offset + start - first
            yield slice(start, stop), slice(first, min(keys, stop + self.offset)), replace(self, offset=offset)

    def reach(self, queries: int, keys: int) -> tuple[int, int]:
        """Return how many steps ahead and behind of itself a query may find a key."""
        ahead = 0 if self.causal else max(0, keys - 1 - self.offset)
        behind = queries - 1 + self.offset
        return (min(ahead, self.window - 1), min(behind, self.window - 1)) if self.window else (ahead, behind)

    def most_keys(self, queries: int, keys: int) -> int:
        """Return how many keys a query sees at most."""
        ahead, behind = self.reach(queries, keys)
        return min(keys, ahead + behind + 1)

    def bias_columns(self, queries: int, keys: int) -> int:
        """Return how many distances a bias by distance must tell."""
        return sum(self.reach(queries, keys)) + 1

    def by_pair(self, bias: NDArray[_Number], queries: int, keys: int) -> NDArray[_Number]:
        """Return a bias as (H or 1, T, S); pairs that the span hides hold any of its values.

        Raises GraphError for a bias of another shape.
        """
        if bias.ndim == 3:
            if bias.shape[1:] != (queries, keys):
                raise GraphError(f"a bias of pairs must be (heads or 1, {queries}, {keys}), got {bias.shape}")
            return bias
        columns = self.bias_columns(queries, keys)
        if bias.ndim != 2 or bias.shape[1] < columns:
            raise GraphError(f"a bias by distance must be (heads or 1, {columns}), got {bias.shape}")
        ahead, _ = self.reach(queries, keys)
        return bias[:, np.clip(self._distances(queries, keys) + ahead, 0, columns - 1)]

    def bias_strides(self, bias: NDArray[Any], queries: int, keys: int) -> tuple[int, int, int, int]:
        """Return (origin, head, query, key): the bias of h, i, j is element origin + head h + query i + key j."""
        head = 0 if len(bias) == 1 else bias[0].size
        if bias.ndim == 3:
            return 0, head, keys, 1
        return self.offset + self.reach(queries, keys)[0], head, 1, -1

    def _distances(self, queries: int, keys: int) -> NDArray[np.int64]:
        return np.arange(queries)[:, None] + self.offset - np.arange(keys)


#: Queries, keys, and the span of the queries among these keys.
Block = tuple[slice, slice, AttentionSpan]
