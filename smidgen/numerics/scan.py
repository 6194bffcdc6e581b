"""Selective scan (Gu & Dao 2023, Algorithm 2) in integers, int32 state with a power-of-two scale per channel.

Twin of kernels/selective_scan.h. Glossary: b batch, t time, d channels, n states.
    decay = exp(delta A) = 2**-(delta |A| log2 e)    by a polynomial, Q31
    h     = decay h + (delta u) B                     two rounded products in half of the state's scale, then doubled
    y     = sum_n C h + D u                           products cut, which n / 2 makes up for; one rounded shift
Half of the scale is what a product of 32 bits and a decay in Q31 leaves in its high word, and doubling is free in SSAT.
delta and A are told for heads of d / heads channels each (Dao & Gu 2024, "Mamba-2"), B and C for groups of d / groups;
in Mamba-1 each channel is a head and there is one group. One exponential a head is enough where A is equal for all
states, or n times that of the first.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.decay import decay, decay_multipliers, powers
from smidgen.numerics.fixed_point import Integers, fixed_point, requantize, rounded_shift, saturate
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import step_order

_HEADROOM_BITS = 3  # a state may grow to 8 times its calibrated peak before it saturates
#: A channel that calibration saw weaker than this part of the strongest, or dead, is scaled as if it reached so far:
#: channels share one shift, so a finer state would take bits from the others' multipliers.
_WEAKEST_CHANNEL = 2.0**-8
#: Most bits of a state: half of it and the largest drive stay below 2**30, so that the sum can be doubled.
STATE_BITS_MAX = 29
#: By type of u, what delta * u can be shifted by within an int32.
PRODUCT_SHIFTS = {"int8": 9, "int16": 1}
#: Relative difference below which decay rates count as equal: float32 has log and exp to 2e-7. A decay changes by 4e-7.
_SAME_DECAY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanParameters:
    """Constants of one selective scan."""

    decay_multiplier: Integers  # (heads, n), or (heads, 1) where one exponential does: delta -> exponent of two
    fraction_bits: int  # of that exponent
    chain: bool  # the decay of state k is the (k + 1)th power of the first
    product_shift: int  # delta * u << product_shift fills an int32
    drive_multiplier: Integers  # (d,): that -> drive; times B it is in steps of two of the state
    drive_shift: int
    output_multiplier: Integers  # (d,): sum of C h -> y
    skip_multiplier: Integers  # (d,) signed: u * 2**15 -> y
    output_shift: int
    state_bits: int  # |h| <= 2**state_bits
    state_exponent: Integers  # (d,): one of h is 2**state_exponent; h is even


def scan_parameters(
    A: NDArray[np.float64],
    D: NDArray[np.float64],
    state_peak: NDArray[np.float64],
    *,
    u: QParams,
    delta: QParams,
    B: QParams,
    C: QParams,
    y: QParams,
) -> ScanParameters:
    """Fold the scales for A (heads, n) < 0, D (d,) and the calibrated peak (d,) of |h|.

    delta, B and C are int16, u is symmetric. Raises GraphError where a bound cannot be proved.
    """
    if any(p.dtype != "int16" for p in (delta, B, C)) or u.zero_point:
        raise GraphError("selective scan needs int16 delta, B and C, and a symmetric u")
    if np.any(A >= 0):
        raise GraphError(f"selective scan needs A < 0, found {A.max():g}: the state would grow without bound")
    kept, chain = distinct_decays(A)
    decay_multiplier, fraction_bits = decay_multipliers(-kept * math.log2(math.e) * delta.scale)
    state_bits = min(STATE_BITS_MAX, 31 - math.ceil(math.log2(A.shape[1])))  # n products with C, halved, reach 2**30
    peak = np.maximum(state_peak, max(state_peak.max() * _WEAKEST_CHANNEL, 2.0**-20))
    state_exponent = np.ceil(np.log2(peak)).astype(np.int64) - (state_bits - _HEADROOM_BITS)
    state_scale: NDArray[np.float64] = np.exp2(state_exponent.astype(np.float64))
    product_shift = PRODUCT_SHIFTS[u.dtype]
    drive_multiplier, drive_shift = fixed_point(
        delta.scale * u.scale * B.scale * 2.0 ** (15 - product_shift) / state_scale, "selective scan: drive scale"
    )
    factors = np.concatenate([state_scale * C.scale * 2.0**16, np.abs(D) * u.scale * 2.0**-15])
    multipliers, output_shift = fixed_point(factors / y.scale, "selective scan: output scale")
    d = len(D)
    return ScanParameters(
        decay_multiplier=decay_multiplier,
        fraction_bits=fraction_bits,
        chain=chain,
        product_shift=product_shift,
        drive_multiplier=drive_multiplier,
        drive_shift=drive_shift,
        output_multiplier=multipliers[:d],
        skip_multiplier=multipliers[d:] * np.where(D < 0, -1, 1),
        output_shift=output_shift,
        state_bits=state_bits,
        state_exponent=state_exponent,
    )


def distinct_decays(A: NDArray[np.float64]) -> tuple[NDArray[np.float64], bool]:
    """Return the rates of A (heads, n) that take an exponential each, (heads, n or 1), and if powers give the others.

    S4D-real starts with A = -1, ..., -n in every channel, so that the decays are powers of the first; in Mamba-2 they
    are equal.
    """
    first, order = A[:, :1], np.arange(1, A.shape[1] + 1)
    if np.allclose(A, first, rtol=_SAME_DECAY, atol=0.0):
        return first, False
    if np.allclose(A, first * order, rtol=_SAME_DECAY, atol=0.0):
        return first, True
    return A, False


def selective_scan(
    u: Integers,
    delta: Integers,
    B: Integers,
    C: Integers,
    *,
    decay_multiplier: Integers,
    fraction_bits: int,
    product_shift: int,
    drive_multiplier: Integers,
    drive_shift: int,
    output_multiplier: Integers,
    skip_multiplier: Integers,
    output_shift: int,
    state_bits: int,
    zero_point: int,
    dtype: str,
    groups: int = 1,
    chain: bool = False,
    reverse: bool = False,
    carried: Integers | None = None,
) -> Integers:
    """Return y (b, t, d) for u (b, t, d), delta (b, t, heads) and B, C (b, t, groups * n).

    Goes on from the state `carried` (b, d, n) and leaves the last one there; without it, from zero. With
    `reverse` the last step comes first.
    """
    batch, steps, d = u.shape
    n, heads = B.shape[2] // groups, len(decay_multiplier)
    B, C = (np.repeat(x.reshape(batch, steps, groups, n), d // groups, axis=2) for x in (B, C))  # (b, t, d, n)
    state = np.zeros((batch, d, n), np.int64) if carried is None else carried
    limit = 2**state_bits
    y = np.empty_like(u)
    for t in step_order(u.shape[1], reverse=reverse):
        step_delta = np.maximum(delta[:, t], 0)
        kept = decay(step_delta[:, :, None], decay_multiplier, fraction_bits)  # (b, heads, n or 1) Q31
        if chain:
            kept = powers(kept, n)
        kept, step_delta = (np.repeat(x, d // heads, axis=1) for x in (kept, step_delta))
        drive = requantize(step_delta * u[:, t] << product_shift, drive_multiplier, drive_shift)
        half = rounded_shift(state * kept, 32) + rounded_shift(drive[:, :, None] * B[:, t], 16)
        state = np.clip(2 * half, -limit, limit - 1)
        acc = ((state * C[:, t]) >> 16).sum(axis=-1) + n // 2
        total = acc * output_multiplier + (u[:, t] << 15) * skip_multiplier
        y[:, t] = saturate(rounded_shift(total, 32 - output_shift) + zero_point, dtype)
    if carried is not None:
        carried[...] = state
    return y
