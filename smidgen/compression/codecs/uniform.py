"""Uniform symmetric integers with one scale per output channel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError

#: A weaker channel, or a dead one, is stored as if its largest weight were this part of the strongest channel's: its
#: bias stays representable, and the multipliers of the others keep their bits.
_WEAKEST_CHANNEL = 2.0**-12


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedWeight:
    """Integers (o, ...) with a scale (o,) each: real = scale * integer."""

    integers: NDArray[np.int64]
    scale: NDArray[np.float64]

    def decode(self) -> NDArray[np.float64]:
        """Return the real weights that the integers stand for."""
        return self.integers * self.scale.reshape(-1, *[1] * (self.integers.ndim - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Levels scale * {-q..q}, q = 2**(bits - 1) - 1, the scale of a channel set by its largest weight."""

    bits: int = 8

    def __post_init__(self) -> None:
        if self.bits not in range(2, 9):
            raise ConfigError(f"uniform weights take 2 to 8 bits, got {self.bits!r}")

    def encode(self, weight: NDArray[np.floating], *, least_scale: NDArray[np.float64] | float = 0.0) -> EncodedWeight:
        """Return the nearest levels of weight (o, ...), with scales (o,) of at least `least_scale`."""
        limit = 2 ** (self.bits - 1) - 1
        real = np.asarray(weight, np.float64)
        peaks = np.abs(real).reshape(real.shape[0], -1).max(axis=1)
        strongest = float(peaks.max()) or float(limit)
        scale = np.maximum(np.maximum(peaks, strongest * _WEAKEST_CHANNEL) / limit, least_scale)
        shaped = scale.reshape(-1, *[1] * (real.ndim - 1))
        return EncodedWeight(integers=np.clip(np.rint(real / shaped), -limit, limit).astype(np.int64), scale=scale)

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Return the stored bytes of a weight: one a level, as narrower levels are not packed."""
        return int(np.prod(shape))
