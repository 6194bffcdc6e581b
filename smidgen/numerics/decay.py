"""Decays of a recurrence, 2**-(delta * rate) for integers delta and real rates, by a polynomial of degree four.

Twin of kernels/decay.h. No table: a core with the DSP extension takes one instruction for each term. The polynomial
is 1 - t q(t) for a part t of an octave, so that 1 - decay, on which the gain of a slow state depends, is exact to
1.4e-5 of itself, up to roundings of 2^-31; the decay is exact to 2^-17.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, rounded_shift

#: Legal numbers of fraction bits of an exponent of two.
FRACTION_BITS = range(1, 32)

#: 2**-(g + 1/2) on -1/2 <= g < 1/2, by fraction bits, from the constant term on, the error of q(t) minimax relative to
#: q. A decay of 1 is the largest number below it, whose powers stay in 32 bits.
_TERMS = {
    31: (1518508556, -1052523180, 364524447, -84817603, 15683023),
    28: (189813569, -131565397, 45565556, -10602200, 1960378),
}
_MOST_OCTAVES = 31  # more leave nothing


def decay_multipliers(octaves: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Return (multipliers, fraction_bits) for rates in octaves for one step of delta, as fine as the fastest allows.

    octaves * delta ~ delta * multiplier * 2**-(16 + fraction_bits), multiplier <= 2**30. Raises GraphError unless the
    fastest rate is above 0 and below 2**13.
    """
    fastest = float(octaves.max())
    bits = min(14 - math.frexp(fastest)[1], FRACTION_BITS[-1]) if math.isfinite(fastest) and fastest > 0 else 0
    if bits not in FRACTION_BITS:
        raise GraphError(
            f"a decay of 2**-{fastest:g} for the least step of delta is not between 1 and 2**-(2**13); "
            "the scale of delta or A is wrong"
        )
    return np.rint(octaves * 2.0 ** (16 + bits)).astype(np.int64), bits


def decay(delta: Integers, multiplier: ArrayLike, fraction_bits: int, *, bits: int = 31) -> Integers:
    """Return 2**-(delta * multiplier * 2**-(16 + fraction_bits)), delta in 0..32767, multiplier <= 2**30.

    The result has `bits` fraction bits, 31 or 28.
    """
    exponent = rounded_shift((delta << 16) * np.asarray(multiplier, np.int64), 32)
    octaves = np.minimum(exponent >> fraction_bits, _MOST_OCTAVES)
    g = ((exponent << (32 - fraction_bits)) & 0xFFFFFFFF) - (1 << 31)  # the part of an octave, less half: Q32
    terms = _TERMS[bits]
    value = np.full(np.shape(g), terms[-1])
    for term in terms[-2::-1]:
        value = term + rounded_shift(value * g, 32)
    return np.asarray(value >> octaves, np.int64)


def powers(first: Integers, n: int, *, bits: int = 31) -> Integers:
    """Return the powers 1 to n of decays (..., 1), each from the one before; they err by less than 2**-17."""
    chain = [first]
    for _ in range(n - 1):
        chain.append((chain[-1] * first) >> bits)
    return np.concatenate(chain, axis=-1)
