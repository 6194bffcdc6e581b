"""tanh and sigmoid of gate sums in int32, by one interpolated table. Twin of kernels/gates.h.

The table holds tanh at 513 knots from 0 to 8, in Q16, each raised by half of what a chord lacks in the middle of its
segment, so that interpolation errs by as much above as below. sigmoid(x) = (1 + tanh(x / 2)) / 2 reads the same table.
"""

import numpy as np

from smidgen.numerics.fixed_point import Integers, rounded_shift

TANH_BITS = 16  # fraction bits of the argument of tanh, which is flat beyond +-8
SIGMOID_BITS = 15  # of the argument of sigmoid, which is flat beyond +-16
GATE_BITS = 15  # of the results; one is 2**15, and can occur
GATE_ONE = 1 << GATE_BITS
SUM_LIMIT = 8 << TANH_BITS  # sums are held here

_SEGMENT_BITS = 10  # 1 / 64 of tanh's argument
_KNOTS = 513
_points = np.arange(_KNOTS) / 64
_exact = np.tanh(_points)
#: min(2**16 - 1, round(2**16 * (t + t (1 - t**2) / (8 * 64**2)))) with t = tanh(i / 64), i = 0..512.
TANH_TABLE: Integers = np.minimum(np.rint(2**16 * (_exact + _exact * (1 - _exact**2) / (8 * 64**2))), 2**16 - 1).astype(
    np.int64
)


def tanh_gate(x: Integers) -> Integers:
    """Return tanh(x / 2**16) in Q15 within 1.2 steps, for any int32."""
    return rounded_shift(_tanh(x), 11)


def sigmoid_gate(x: Integers) -> Integers:
    """Return 1 / (1 + exp(-x / 2**15)) in Q15 within 0.9 steps, for any int32."""
    return rounded_shift((1 << 26) + _tanh(x), 12)


def _tanh(x: Integers) -> Integers:
    """Return tanh(x / 2**16) in Q26."""
    magnitude = np.minimum(np.abs(x), SUM_LIMIT - 1)
    index, fraction = magnitude >> _SEGMENT_BITS, magnitude & ((1 << _SEGMENT_BITS) - 1)
    left, right = TANH_TABLE[index], TANH_TABLE[index + 1]
    value = (left << _SEGMENT_BITS) + (right - left) * fraction
    return np.asarray(np.where(x < 0, -value, value), np.int64)
