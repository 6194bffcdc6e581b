"""Sixteen levels that a whole weight shares, in place of evenly spaced ones, with one scale per output channel.

The levels are int8, fitted to the weight by alternating least squares (Lloyd 1982, with scales): each step (nearest
levels, levels, scales) lowers sum (w - scale * level)^2 or leaves it, and nothing is drawn at random. Or they are those
of a normal density, which every layer of a program then shares, with the table that the kernel reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.compression.codecs.encoded_weight import EncodedWeight
from smidgen.compression.codecs.uniform import WEAKEST_CHANNEL
from smidgen.errors import ConfigError
from smidgen.numerics.nibble_blocks import PAIR_TABLE_BYTES, has_blocks
from smidgen.numerics.nibbles import LEVELS, pack_nibbles, packed_width

_LARGEST = 127
_STEPS = 30  # beyond which an error falls by less than a thousandth

Floats = NDArray[np.float64]

#: The best levels for a normal density of unit variance (Max 1960, table I).
_HALF_NORMAL = (0.1284, 0.3880, 0.6568, 0.9423, 1.2562, 1.6180, 2.0690, 2.7326)
_NORMAL = np.array([*(-level for level in reversed(_HALF_NORMAL)), *_HALF_NORMAL])


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Sixteen int8 levels, ascending; a weight is the place of one.

    `levels`: "fitted" to each weight, or "normal" for one palette that all weights share.
    """

    levels: str = "fitted"

    def __post_init__(self) -> None:
        if self.levels not in ("fitted", "normal"):
            raise ConfigError(f"the levels of a palette are 'fitted' or 'normal', got {self.levels!r}")

    @property
    def is_packed(self) -> bool:
        """Two weights share a byte."""
        return True

    def encode(self, weight: NDArray[np.floating], *, least_scale: Floats | float = 0.0) -> EncodedWeight:
        """Return the nearest levels of weight (o, ...), with scales (o,) of at least `least_scale`."""
        real = np.asarray(weight, np.float64)
        rows = real.reshape(len(real), -1)
        peaks = np.abs(rows).max(axis=1)
        strongest = float(peaks.max()) or 1.0
        floor = np.maximum(strongest * WEAKEST_CHANNEL / _LARGEST, least_scale)
        power = np.maximum(np.sqrt(np.square(rows).mean(axis=1)), strongest * WEAKEST_CHANNEL)
        evenly_many = np.quantile(rows / power[:, None], (np.arange(LEVELS) + 0.5) / LEVELS)
        starts = [(_NORMAL, power)]
        if self.levels == "fitted":
            int4 = np.arange(-7.0, 9.0), np.maximum(peaks / 7, strongest * WEAKEST_CHANNEL)  # which no step makes worse
            starts += [int4, (evenly_many, power)]
        fitted = (_fit(rows, *start, moves=self.levels == "fitted") for start in starts)
        levels, scale = min(fitted, key=lambda found: _error(rows, *found))
        unit = float(np.abs(levels).max()) / _LARGEST or 1.0
        steps = np.rint(levels / unit).astype(np.int64)
        scale = np.maximum(scale * unit, floor)
        scale = np.maximum(_best_scales(rows, steps[_nearest(rows / scale[:, None], steps)], scale), floor)
        integers = steps[_nearest(rows / scale[:, None], steps)]
        return EncodedWeight(integers=integers.reshape(real.shape), scale=scale, levels=steps)

    def params(self, encoded: EncodedWeight) -> Mapping[str, NDArray[Any]]:
        """Return {"packed": places (o, bytes of a row), "levels": (16,)} of weights (o, k)."""
        assert encoded.levels is not None
        places = np.searchsorted(encoded.levels, encoded.integers)
        return {"packed": pack_nibbles(places), "levels": encoded.levels.astype(np.int8)}

    def n_bytes(self, shape: tuple[int, ...]) -> int:
        """Return the stored bytes of a weight (o, ...), with the table that its kernel reads, or else its levels."""
        out_width, in_width = shape[0], prod(shape[1:])
        table = PAIR_TABLE_BYTES if has_blocks(out_width, in_width) else LEVELS
        return out_width * packed_width(in_width) + table


def _fit(rows: Floats, levels: Floats, scale: Floats, *, moves: bool) -> tuple[Floats, Floats]:
    """Return ascending real levels (16,) and scales (o,) that fit rows (o, k), from those to begin with.

    Levels that do not move leave all to the scales.
    """
    places = np.full(rows.shape, -1)
    for _ in range(_STEPS):
        before, places = places, _nearest(rows / scale[:, None], levels)
        if np.array_equal(before, places):
            break
        # The weight of a value in its level's mean is its channel's scale squared: errors count as they are used.
        flat = places.reshape(-1)
        power = np.bincount(flat, np.broadcast_to(np.square(scale)[:, None], rows.shape).reshape(-1), LEVELS)
        pull = np.bincount(flat, (rows * scale[:, None]).reshape(-1), LEVELS)
        if moves:
            levels = np.where(power > 0, pull / np.where(power > 0, power, 1.0), levels)
        scale = _best_scales(rows, levels[places], scale)
    return levels, scale


def _error(rows: Floats, levels: Floats, scale: Floats) -> float:
    nearest = levels[_nearest(rows / scale[:, None], levels)]
    return float(np.square(rows - nearest * scale[:, None]).sum())


def _nearest(values: Floats, levels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the places of the nearest of ascending levels, the lower on ties."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values).astype(np.int64)


def _best_scales(rows: Floats, chosen: NDArray[Any], scale: Floats) -> Floats:
    """Return the scales (o,) that take chosen levels (o, k) nearest to rows; those given where none is better."""
    power, pull = np.square(chosen.astype(np.float64)).sum(axis=1), (rows * chosen).sum(axis=1)
    usable = (power > 0) & (pull > 0)
    return np.where(usable, pull / np.where(usable, power, 1.0), scale)
