"""A quantity that is known only between two bounds; arithmetic keeps both."""

import math
from dataclasses import dataclass

from smidgen.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Span:
    """From `low` to `high`, neither below zero: sums and products of such spans bound sums and products of values."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.low <= self.high < math.inf):
            raise ConfigError(f"a span goes from 0 or more up to as much or more, got {self.low} to {self.high}")

    @property
    def middle(self) -> float:
        """The mean of the bounds: where a mark is drawn."""
        return (self.low + self.high) / 2

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: "Span | float") -> "Span":
        """Scale by a value of 0 or more, or by another span."""
        by = factor if isinstance(factor, Span) else Span(factor, factor)
        return Span(self.low * by.low, self.high * by.high)

    __rmul__ = __mul__
