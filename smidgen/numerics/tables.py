"""Pointwise functions of one integer tensor as tables. Twin of kernels/table.h.

int8: 256 entries, exact. int16: 513 knots with linear interpolation; its error is bounded by the test of each function.
A function of int16 that is constant but for a few jumps is a list of steps, exact.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, rounded_shift
from smidgen.numerics.quantization import QParams

INT8_ENTRIES = 256
INT16_KNOTS = 513
_SEGMENT_BITS = 7  # 65536 / 512

RealFunction = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def table_entries(function: RealFunction, x: QParams, y: QParams) -> Integers:
    """Return the table that maps an integer under `x` to one under `y`: 256 entries for int8, 513 knots for int16."""
    if x.dtype == "int8":
        return y.quantize(function(x.dequantize(x.values)))
    knots = (np.arange(INT16_KNOTS, dtype=np.int64) << _SEGMENT_BITS) - 32768
    return y.quantize(function(x.dequantize(knots)))


def table_lookup(q: Integers, table: Integers, dtype: str) -> Integers:
    """Return the table's value for each integer of type `dtype`; int16 interpolates with rounding to nearest."""
    if dtype == "int8":
        return table[q + 128]
    position = q + 32768
    index, fraction = position >> _SEGMENT_BITS, position & ((1 << _SEGMENT_BITS) - 1)
    left, right = table[index], table[index + 1]
    return rounded_shift((left << _SEGMENT_BITS) + (right - left) * fraction, _SEGMENT_BITS)


def step_lookup(q: Integers, thresholds: Integers, values: Integers) -> Integers:
    """Return values[i] for the number i of rising thresholds that q reaches."""
    return np.asarray(values[np.searchsorted(thresholds, q, side="right")], np.int64)
