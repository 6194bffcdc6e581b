"""Uniform symmetric integers with one scale per output channel: two a byte where they have four bits, else one."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.compression.codecs.encoded_weight import EncodedWeight
from smidgen.errors import ConfigError
from smidgen.numerics.nibbles import pack_nibbles, packed_width

#: A weaker channel, or a dead one, is stored as if its largest weight were this part of the strongest channel's: its
#: bias stays representable, and the multipliers of the others keep their bits.
WEAKEST_CHANNEL = 2.0**-12

_PACKED_BITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Levels scale * {-q..q}, q = 2**(bits - 1) - 1, the scale of a channel set by its largest weight."""

    bits: int = 8

    def __post_init__(self) -> None:
        if self.bits not in range(2, 9):
            raise ConfigError(f"uniform weights take 2 to 8 bits, got {self.bits!r}")

    @property
    def is_packed(self) -> bool:
        """True where two weights share a byte."""
        return self.bits == _PACKED_BITS

    def encode(self, weight: NDArray[np.floating], *, least_scale: NDArray[np.float64] | float = 0.0) -> EncodedWeight:
        """Return the nearest levels of weight (o, ...), with scales (o,) of at least `least_scale`."""
        limit = 2 ** (self.bits - 1) - 1
        real = np.asarray(weight, np.float64)
        peaks = np.abs(real).reshape(real.shape[0], -1).max(axis=1)
        strongest = float(peaks.max()) or float(limit)
        scale = np.maximum(np.maximum(peaks, strongest * WEAKEST_CHANNEL) / limit, least_scale)
        shaped = scale.reshape(-1, *[1] * (real.ndim - 1))
        return EncodedWeight(integers=np.clip(np.rint(real / shaped), -limit, limit).astype(np.int64), scale=scale)

    def params(self, encoded: EncodedWeight) -> Mapping[str, NDArray[Any]]:
        """Return {"packed": (o, bytes of a row)} for four bits (o, k), {"weight": int8 (o, ...)} for others."""
        if self.is_packed:
            return {"packed": pack_nibbles(encoded.integers & 15)}
        return {"weight": encoded.integers.astype(np.int8)}

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Return the stored bytes of a weight (o, ...)."""
        return shape[0] * packed_width(prod(shape[1:])) if self.is_packed else prod(shape)
