"""What a selective scan carries from step to step, in 32 or 16 bits a state: its scale, one step, the sum that is read.

Twins of kernels/scan_s32.h and kernels/scan_s16.h. Glossary: b batch, d channels, n states.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers, rounded_shift

Floats = NDArray[np.float64]

#: Most bits of a state of 32: half of it and the largest drive stay below 2**30, so that the sum can be doubled.
STATE_BITS_MAX = 29
#: Bits of a state of 16: all but the sign.
NARROW_STATE_BITS = 15
_HEADROOM = {"int32": 8.0, "int16": 4.0}  # a state may grow to so many times its calibrated peak before it saturates
_FINEST_BITS = 12  # of a product with a state of 16 bits below one step of the state
#: The dither of a first step, which rounds to the nearest, and how it goes on: by a part of a step near the golden
#: section, so that any run of steps takes values that lie evenly, and all 4096 come before one comes again.
DITHER_FIRST = 2 ** (_FINEST_BITS - 1)
_DITHER_STEP = 2531


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanState:
    """Arithmetic of states of one type.

    int32: products rounded in half of the state's scale, then doubled: half is what a product of 32 bits and a decay in
    Q31 leaves in its high word, and doubling is free in SSAT. Products with C are cut, which n / 2 makes up for.
    int16: products cut 2**-12 of a step below the state, which one such part makes up for; their sum is rounded up
    where the rest reaches `dither`, other in each step, so that what rounding takes is given back in time: to the
    nearest, a slow state would hold still up to 1 / (2 (1 - decay)) steps beside its value, 44 dB under a constant
    drive where this has 80. Decays have 28 bits, for room above: a step may drive a state to 4 times its whole range
    before it is clipped. Products with C are exact, and their sum is rounded.
    """

    dtype: str
    bits: int  # |h| <= 2**bits

    @property
    def decay_bits(self) -> int:
        """Fraction bits of a decay."""
        return 31 if self.dtype == "int32" else 16 + _FINEST_BITS

    @property
    def drive_bits(self) -> int:
        """The base-two logarithm of drive * B for one step of the state."""
        return 15 if self.dtype == "int32" else 16 + _FINEST_BITS

    def scale(self, peak: Floats) -> Floats:
        """Return what one step of the state of each channel (d,) is, given calibrated peaks (d,) of |h|.

        A power of two in 32 bits, which has bits to spare; 16 bits are used whole.
        """
        reached = peak * _HEADROOM[self.dtype]
        steps = np.exp2(np.ceil(np.log2(reached)) - self.bits) if self.dtype == "int32" else reached * 2.0**-self.bits
        return np.asarray(steps, np.float64)

    def advanced(self, state: Integers, kept: Integers, drive: Integers, B: Integers, dither: Integers) -> Integers:
        """Return the states (b, d, n) after a step, saturated.

        Args: decays `kept` (b, d, n or 1), drive (b, d, 1), B (b, d, n); dither (b, 1), of states in 16 bits.
        """
        limit = 2**self.bits
        if self.dtype == "int32":
            reached = 2 * (rounded_shift(state * kept, 32) + rounded_shift(drive * B, 16))
        else:
            parts = ((state * kept) >> 16) + ((drive * B) >> 16) + 1
            reached = (parts + dither[:, :, None]) >> _FINEST_BITS
        return np.asarray(np.clip(reached, -limit, limit - 1), np.int64)

    def saturated(self, state: Integers) -> NDArray[np.bool_]:
        """Return which states stand at an end of their range."""
        limit = 2**self.bits
        return np.asarray((state == -limit) | (state == limit - 1))

    def read(self, state: Integers, C: Integers) -> Integers:
        """Return the sum (b, d) over n of C h, in steps of 2**sum_bits(n)."""
        n = state.shape[-1]
        if self.dtype == "int32":
            return np.asarray(((state * C) >> 16).sum(axis=-1) + n // 2, np.int64)
        return rounded_shift((state * C).sum(axis=-1), self.sum_bits(n))

    def sum_bits(self, n: int) -> int:
        """Return how many bits of a sum over n products are dropped, so that it stays within 2**30 and a rounding."""
        return 16 if self.dtype == "int32" else (n - 1).bit_length()


def next_dither(dither: Integers) -> Integers:
    """Return the dither of the step that follows."""
    return np.asarray((dither + _DITHER_STEP) & (2**_FINEST_BITS - 1), np.int64)


def scan_state(dtype: str, n: int) -> ScanState:
    """Return the arithmetic of n states of a channel; in 32 bits, n products with C, halved, reach 2**30."""
    wide = min(STATE_BITS_MAX, 31 - math.ceil(math.log2(n)))
    return ScanState(dtype=dtype, bits=NARROW_STATE_BITS if dtype == "int16" else wide)
