"""A window that slides over the rows and columns of a channels-last tensor: convolutions and poolings share it."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which elements an output sees; every field is (rows, columns).

    Tap i of output r reads row r * stride + i * dilation - pad_before of an input whose elements stand `input_dilation`
    apart (more than 1 in a transposed convolution). What is outside or between them is padding. A sequence (T, C) is
    an image (T, 1, C): its rows are time.
    """

    size: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    pad_before: Pair = (0, 0)
    pad_after: Pair = (0, 0)
    input_dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), 0 if field.name.startswith("pad") else 1
            if len(value) != 2 or min(value) < least:
                raise GraphError(f"{field.name} of a window must be two numbers of at least {least}, got {value}")

    def output_size(self, rows: int, columns: int) -> Pair:
        """Return the rows and columns of the result; raise GraphError where the window is larger than its input."""
        sizes = []
        for axis, length in enumerate((rows, columns)):
            padded = self.pad_before[axis] + (length - 1) * self.input_dilation[axis] + 1 + self.pad_after[axis]
            reach = self.dilation[axis] * (self.size[axis] - 1) + 1
            if padded < reach:
                raise GraphError(f"a window over {reach} does not fit {length} elements, {padded} with padding")
            sizes.append((padded - reach) // self.stride[axis] + 1)
        return sizes[0], sizes[1]

    def frames(self, x: NDArray[Any], fill: float) -> Iterator[tuple[int, int, NDArray[Any]]]:
        """Yield each tap (i, j), rows outermost, with what every output reads there, (B, rows, columns, C).

        Args: x (B, rows, columns, C); fill, what padding reads as.
        """
        batch, rows, columns, channels = x.shape
        out_rows, out_columns = self.output_size(rows, columns)
        spread = [(length - 1) * step + 1 for length, step in zip((rows, columns), self.input_dilation, strict=True)]
        (top, left), (bottom, right) = self.pad_before, self.pad_after
        padded = np.full((batch, top + spread[0] + bottom, left + spread[1] + right, channels), fill, x.dtype)
        inner = padded[:, top : top + spread[0] : self.input_dilation[0], left : left + spread[1]]
        inner[:, :, :: self.input_dilation[1]] = x
        for i in range(self.size[0]):
            first_row = i * self.dilation[0]
            picked = padded[:, first_row : first_row + (out_rows - 1) * self.stride[0] + 1 : self.stride[0]]
            for j in range(self.size[1]):
                first = j * self.dilation[1]
                yield i, j, picked[:, :, first : first + (out_columns - 1) * self.stride[1] + 1 : self.stride[1]]
