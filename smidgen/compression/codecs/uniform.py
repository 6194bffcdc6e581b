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

_FITS = ("peak", "least-squares")
#: Parts of a channel's largest weight at which its levels may end: normal weights are best clipped at 2.7 sigma.
_REACHES = np.linspace(1.0, 0.4, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Levels scale * {-q..q}, q = 2**(bits - 1) - 1.

    `fit`: the scale of a channel is set by its largest weight ("peak"), or such that the sum of its squared errors is
    least, by which few bits lose less ("least-squares": larger weights are clipped).
    """

    bits: int = 8
    fit: str = "peak"

    def __post_init__(self) -> None:
        if self.bits not in range(2, 9):
            raise ConfigError(f"uniform weights take 2 to 8 bits, got {self.bits!r}")
        if self.fit not in _FITS:
            raise ConfigError(f"the scales of uniform weights are fitted by one of {_FITS}, got {self.fit!r}")

    @property
    def is_packed(self) -> bool:
        """True where two weights share a byte."""
        return self.bits == _PACKED_BITS

    def encode(self, weight: NDArray[np.floating], *, least_scale: NDArray[np.float64] | float = 0.0) -> EncodedWeight:
        """Return the nearest levels of weight (o, ...), with scales (o,) of at least `least_scale`."""
        limit = 2 ** (self.bits - 1) - 1
        real = np.asarray(weight, np.float64)
        rows = real.reshape(len(real), -1)
        peaks = np.abs(rows).max(axis=1)
        strongest = float(peaks.max()) or float(limit)
        scale = np.maximum(np.maximum(peaks, strongest * WEAKEST_CHANNEL) / limit, least_scale)
        if self.fit == "least-squares":
            scale = np.maximum(_least_squares_scales(rows, scale, limit), least_scale)
        return EncodedWeight(integers=_nearest(rows, scale, limit).reshape(real.shape), scale=scale)

    def params(self, encoded: EncodedWeight) -> Mapping[str, NDArray[Any]]:
        """Return {"packed": (o, bytes of a row)} for four bits (o, k), {"weight": int8 (o, ...)} for others."""
        if self.is_packed:
            return {"packed": pack_nibbles(encoded.integers & 15)}
        return {"weight": encoded.integers.astype(np.int8)}

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Return the stored bytes of a weight (o, ...)."""
        return shape[0] * packed_width(prod(shape[1:])) if self.is_packed else prod(shape)


def _nearest(rows: NDArray[np.float64], scale: NDArray[np.float64], limit: int) -> NDArray[np.int64]:
    return np.clip(np.rint(rows / scale[:, None]), -limit, limit).astype(np.int64)


def _least_squares_scales(
    rows: NDArray[np.float64], scale: NDArray[np.float64], limit: int
) -> NDArray[np.float64]:  # fmt: skip
    """Return for each of rows (o, k) the part of its scale (o,) that leaves the least squared error."""
    scales = _REACHES[:, None] * scale
    errors = [np.square(rows - one[:, None] * _nearest(rows, one, limit)).sum(axis=1) for one in scales]
    return np.asarray(scales[np.argmin(errors, axis=0), np.arange(len(scale))])
