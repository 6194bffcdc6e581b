"""Affine quantisation: the meaning of an integer activation as a real number."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, integer_range


@dataclass(frozen=True, slots=True, kw_only=True)
class QParams:
    """real = scale * (q - zero_point), with real 0 representable. int16 is symmetric: zero_point 0, -32767..32767."""

    dtype: str
    scale: float
    zero_point: int = 0

    def __post_init__(self) -> None:
        low, high = integer_range(self.dtype)
        if not (np.isfinite(self.scale) and self.scale > 0):
            raise GraphError(f"scale must be finite and positive, got {self.scale}")
        if not isinstance(self.zero_point, int | np.integer) or not low <= self.zero_point <= high:
            raise GraphError(f"zero_point of {self.dtype} must be an integer in [{low}, {high}], got {self.zero_point}")
        if self.dtype == "int16" and self.zero_point != 0:
            raise GraphError(f"int16 activations are symmetric: zero_point must be 0, got {self.zero_point}")

    def quantize(self, real: NDArray[Any]) -> Integers:
        """Return the nearest legal integers (halves to even), saturated."""
        low, high = integer_range(self.dtype)
        steps = np.rint(np.asarray(real, np.float64) / self.scale) + self.zero_point
        return np.asarray(np.clip(steps, low, high), np.int64)

    def dequantize(self, q: NDArray[Any]) -> NDArray[np.float64]:
        """Return the real numbers that the integers stand for."""
        return (np.asarray(q, np.float64) - self.zero_point) * self.scale

    @property
    def values(self) -> Integers:
        """All legal integers of an int8 tensor in table order, -128 first."""
        return np.arange(-128, 128, dtype=np.int64)


def qparams_for_range(low: float, high: float, dtype: str, *, symmetric: bool) -> QParams:
    """Return the parameters that cover [low, high] and 0 with the finest scale.

    Symmetric int8 uses -127..127. A range narrower than any normal float32 counts as [-1, 1].
    """
    if not (np.isfinite(low) and np.isfinite(high) and low <= high):
        raise GraphError(f"cannot quantise the range [{low}, {high}]: it must be finite and ordered")
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low < np.finfo(np.float32).tiny:
        low, high = -1.0, 1.0
    if dtype == "int16" or symmetric:
        limit = 32767 if dtype == "int16" else 127
        return QParams(dtype=dtype, scale=max(-low, high) / limit)
    scale = (high - low) / 255
    zero_point = int(np.clip(round(-128 - low / scale), -128, 127))
    return QParams(dtype=dtype, scale=scale, zero_point=zero_point)
