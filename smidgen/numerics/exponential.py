"""2**-x and logarithms by table, reciprocal and reciprocal square root by Newton's method, all in integers.

Twin of kernels/exponential.h and kernels/roots.h.
"""

import math

import numpy as np

from smidgen.numerics.fixed_point import Integers, fixed_point, requantize, rounded_shift

EXPONENT_BITS = 24  # fraction bits of the argument of exp2_negative
EXPONENT_MAX = (31 << EXPONENT_BITS) - 1
_INDEX_BITS = 7
_REST_BITS = EXPONENT_BITS - _INDEX_BITS
_LN2 = 22713  # round(ln 2 * 2**15): with a rest in Q24 it gives rest * ln 2 in Q39
_LN2_Q31 = 1488522236  # round(ln 2 * 2**31)

#: round(2**31 * 2**(-i/128)), i = 0..127.
EXP2_TABLE: Integers = np.rint(np.exp2(31 - np.arange(1 << _INDEX_BITS) / (1 << _INDEX_BITS))).astype(np.int64)


def exp2_negative(x: Integers) -> Integers:
    """Return 2**(-x / 2**24) in Q31 for x in [0, EXPONENT_MAX]; 2**31 - 1 stands for one.

    Table, then 1 - t + t**2 / 2 for the rest: within 2^-24, and exact in slope where x is small, on which the gain of a
    slowly decaying recurrence depends (linear interpolation would be 0.3 % off there).
    """
    left, rest = EXP2_TABLE[(x >> _REST_BITS) & ((1 << _INDEX_BITS) - 1)], x & ((1 << _REST_BITS) - 1)
    t = rest * _LN2  # Q39, below 2**32
    kept = (1 << 32) - 1 - (t >> 7) + ((t >> 16) ** 2 >> 15)  # Q32
    return np.asarray((left * kept >> 32) >> (x >> EXPONENT_BITS), np.int64)


def exponent_constants(step: float, what: str) -> tuple[int, int, int]:
    """Return (multiplier, shift, limit) with which `exp_negative` takes differences in units of `step`.

    Up to the limit products stay below 2**63 and exponents within EXPONENT_MAX; beyond it powers are below 2**-31.
    Raises GraphError where the step is not positive, or beyond the representable range.
    """
    scale = step * math.log2(math.e) * 2.0**EXPONENT_BITS
    fixed_point(scale, what)
    (factor,), shift = fixed_point(min(scale, float(EXPONENT_MAX)), what)  # any more is as good as hidden
    multiplier, shift = max(1, int(factor) >> max(0, -shift)), max(0, shift)
    return multiplier, shift, min((EXPONENT_MAX << 32) // (multiplier << shift), (2**31 - 1) >> shift)


def exp_negative(difference: Integers, multiplier: int, shift: int, limit: int) -> Integers:
    """Return e**-x in Q31 for a difference x >= 0, and 0 beyond the limit; the rest are `exponent_constants`."""
    value = exp2_negative(requantize(np.minimum(difference, limit), multiplier, shift))
    return np.where(difference > limit, 0, value)


def logarithm(value: Integers) -> Integers:
    """Return ln(value) in Q24 for 0 < value < 2**62, within 2^-23.

    Size, the entry of the table of 2**-x next above, then -ln(1 - d) = d + d**2 / 2 for the rest.
    """
    size = bit_length(value)
    a = np.where(size > 31, value >> np.maximum(size - 31, 0), value << np.maximum(31 - size, 0))  # Q31 in [0.5, 1)
    index = np.searchsorted(-EXP2_TABLE, -a, side="right") - 1
    inverse = np.append(EXP2_TABLE, 1 << 30)[(1 << _INDEX_BITS) - index]  # half of 1 / table[index], Q31
    d = ((EXP2_TABLE[index] - a) * inverse) >> 30  # Q31, below 2**24
    whole = (((size << _INDEX_BITS) - index) * _LN2_Q31) >> _INDEX_BITS
    return rounded_shift(whole - d - ((d * d) >> 32), 31 - EXPONENT_BITS)


def reciprocal(value: Integers) -> tuple[Integers, Integers]:
    """Return (mantissa, exponent) with 1 / value ~ mantissa * 2**-exponent for 0 < value < 2**62.

    mantissa lies in [2**30, 2**31).
    Three Newton steps from the minimax line 48/17 - 32/17 a; relative error below 2^-28.
    """
    size = bit_length(value)
    a = np.where(size > 32, value >> np.maximum(size - 32, 0), value << np.maximum(32 - size, 0))  # Q32 in [0.5, 1)
    y = 3031741620 - ((2021161080 * a) >> 32)  # Q30, 1 / a in (1, 2]
    for _ in range(3):
        y = (y * ((2 << 30) - ((a * y) >> 32))) >> 30  # y (2 - a y), each factor in 32 bits
    return np.minimum(y, 2**31 - 1), size + 30


def reciprocal_sqrt(value: Integers) -> tuple[Integers, Integers]:
    """Return (mantissa, exponent) with 1 / sqrt(value) ~ mantissa * 2**-exponent for 0 < value < 2**62.

    mantissa lies in [2**30, 2**31).
    Four Newton steps from a line on [0.25, 1); relative error below 2^-27.
    """
    half = (bit_length(value) + 1) >> 1  # value = a * 4**half with a in [0.25, 1)
    shift = 32 - 2 * half
    a = np.where(shift >= 0, value << np.maximum(shift, 0), value >> np.maximum(-shift, 0))  # Q32
    y = 2425393296 - ((1395864371 * a) >> 32)  # Q30: 2.2588 - 1.3 a
    for _ in range(4):
        square = (y * y) >> 32  # Q28, and so is the next product, so that each fits 32 bits
        y = (y * ((3 << 28) - ((a * square) >> 32))) >> 29
    return np.minimum(y, 2**31 - 1), half + 30


def bit_length(value: Integers) -> Integers:
    """Return the number of significant bits of each value, 0 for 0."""
    length = np.zeros(np.shape(value), np.int64)
    rest = np.array(value, np.int64)
    for step in (32, 16, 8, 4, 2, 1):
        large = rest >= (np.int64(1) << step)
        length += np.where(large, step, 0)
        rest = np.where(large, rest >> step, rest)
    return length + (rest > 0)
