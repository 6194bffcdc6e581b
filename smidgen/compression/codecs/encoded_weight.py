"""What every codec makes of a weight, and what it says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedWeight:
    """Integers (o, ...) in -127..127 with a scale (o,) each: real = scale * integer.

    `levels` are the ascending integers of a palette, None where evenly spaced ones are all there.
    """

    integers: NDArray[np.int64]
    scale: NDArray[np.float64]
    levels: NDArray[np.int64] | None = None

    def decode(self) -> NDArray[np.float64]:
        """Return the real weights that the integers stand for."""
        return self.integers * self.scale.reshape(-1, *[1] * (self.integers.ndim - 1))


@runtime_checkable
class Codec(Protocol):
    """How a weight is stored."""

    @property
    def is_packed(self) -> bool:
        """True if several weights share a byte, which linear layers alone compute from."""

    def encode(self, weight: NDArray[np.floating], *, least_scale: NDArray[np.float64] | float = 0.0) -> EncodedWeight:
        """Return the nearest that weight (o, ...) can be, with scales (o,) of at least `least_scale`."""

    def params(self, encoded: EncodedWeight) -> Mapping[str, NDArray[Any]]:
        """Return the arrays in which a graph's op holds encoded weights, by role."""

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Return the stored bytes of a weight, tables included."""
