"""Selective scan (Gu & Dao 2023, Algorithm 2) in integers, with a state of 32 or 16 bits and a scale per channel.

Twin of kernels/selective_scan.h. Glossary: b batch, t time, d channels, n states.
    decay = exp(delta A) = 2**-(delta |A| log2 e)    by a polynomial
    h     = decay h + (delta u) B                     as the type of the state asks: `scan_state`
    y     = sum_n C h + D u                           one rounded shift
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
from smidgen.numerics.scan_state import DITHER_FIRST, ScanState, next_dither, scan_state

#: A channel that calibration saw weaker than this part of the strongest, or dead, is scaled as if it reached so far:
#: channels share one shift, so a finer state would take bits from the others' multipliers.
_WEAKEST_CHANNEL = 2.0**-8
_DRIVE_MAX = 2**30
#: By type of u, what delta * u can be shifted by within an int32.
PRODUCT_SHIFTS = {"int8": 9, "int16": 1}
#: Relative difference below which decay rates count as equal: float32 has log and exp to 2e-7. A decay changes by 4e-7.
_SAME_DECAY = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanParameters:
    """Constants of one selective scan."""

    decay_multiplier: (
        Integers  # (heads or 1, n), or (heads or 1, 1) where one exponential does: delta -> exponent of two
    )
    fraction_bits: int  # of that exponent
    chain: bool  # the decay of state k is the (k + 1)th power of the first
    product_shift: int  # delta * u << product_shift fills an int32
    drive_multiplier: Integers  # (d,): that -> drive; times B it is in steps of two of the state
    drive_shift: int
    output_multiplier: Integers  # (d,): sum of C h -> y
    skip_multiplier: Integers  # (d,) signed: u * 2**15 -> y
    output_shift: int
    state_width: int  # 32 or 16 bits
    state_bits: int  # |h| <= 2**state_bits


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
    state: str = "int32",
) -> ScanParameters:
    """Fold the scales for A (heads, n) < 0, D (d,) and the calibrated peak (d,) of |h|, held as the type `state`.

    delta, B and C are int16, u is symmetric. Raises GraphError where a bound cannot be proved.
    """
    if any(p.dtype != "int16" for p in (delta, B, C)) or u.zero_point:
        raise GraphError("selective scan needs int16 delta, B and C, and a symmetric u")
    if np.any(A >= 0):
        raise GraphError(f"selective scan needs A < 0, found {A.max():g}: the state would grow without bound")
    kept, chain = distinct_decays(A)
    decay_multiplier, fraction_bits = decay_multipliers(-kept * math.log2(math.e) * delta.scale)
    if np.all(decay_multiplier == decay_multiplier[:1]):
        decay_multiplier = decay_multiplier[:1]  # as a Mamba starts: one for all heads
    form = scan_state(state, A.shape[1])
    state_scale = state_scales(state_peak, form)
    product_shift = PRODUCT_SHIFTS[u.dtype]
    drive_multiplier, drive_shift = fixed_point(
        delta.scale * u.scale * B.scale * 2.0 ** (form.drive_bits - product_shift) / state_scale,
        "selective scan: drive scale",
    )
    factors = np.concatenate([state_scale * C.scale * 2.0 ** form.sum_bits(A.shape[1]), np.abs(D) * u.scale * 2.0**-15])
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
        state_width=int(form.dtype.removeprefix("int")),
        state_bits=form.bits,
    )


def state_scales(peak: NDArray[np.float64], form: ScanState) -> NDArray[np.float64]:
    """Return what one step of the state of each channel (d,) is, for calibrated peaks (d,) of |h|."""
    return form.scale(np.maximum(peak, max(peak.max() * _WEAKEST_CHANNEL, 2.0**-20)))


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
    state_width: int,
    state_bits: int,
    zero_point: int,
    dtype: str,
    groups: int = 1,
    chain: bool = False,
    reverse: bool = False,
    carried: Integers | None = None,
    dither: Integers | None = None,
    saturated: Integers | None = None,
) -> Integers:
    """Return y (b, t, d) for u (b, t, d), delta (b, t, heads) and B, C (b, t, groups * n).

    Goes on from the state `carried` (b, d, n), and in 16 bits from `dither` (b, 1), and leaves the last ones there;
    without them, from the first. With `reverse` the last step comes first. Adds to `saturated` (b,) how many states
    stood at an end of their range after a step, or took a drive that did.
    """
    batch, steps, d = u.shape
    n, heads = B.shape[2] // groups, delta.shape[2]
    B, C = (np.repeat(x.reshape(batch, steps, groups, n), d // groups, axis=2) for x in (B, C))  # (b, t, d, n)
    state = np.zeros((batch, d, n), np.int64) if carried is None else carried
    rounding = np.full((batch, 1), DITHER_FIRST) if dither is None else dither
    form = ScanState(dtype=f"int{state_width}", bits=state_bits)
    y = np.empty_like(u)
    for t in step_order(u.shape[1], reverse=reverse):
        step_delta = np.maximum(delta[:, t], 0)
        told = step_delta[:, :, None]
        kept = decay(told, decay_multiplier, fraction_bits, bits=form.decay_bits)  # (b, heads, n or 1)
        if chain:
            kept = powers(kept, n, bits=form.decay_bits)
        kept, step_delta = (np.repeat(x, d // heads, axis=1) for x in (kept, step_delta))
        drive = _drive(step_delta * u[:, t] << product_shift, drive_multiplier, drive_shift)
        state = form.advanced(state, kept, drive[:, :, None], B[:, t], rounding)
        rounding = next_dither(rounding)
        if saturated is not None:
            held = form.saturated(state) | _is_saturated_drive(drive, drive_shift)[:, :, None]
            saturated += held.sum(axis=(1, 2))
        acc = form.read(state, C[:, t])
        total = acc * output_multiplier + (u[:, t] << 15) * skip_multiplier
        y[:, t] = saturate(rounded_shift(total, 32 - output_shift) + zero_point, dtype)
    if carried is not None:
        carried[...] = state
    if dither is not None:
        dither[...] = rounding
    return y


def _drive(product: Integers, multiplier: Integers, shift: int) -> Integers:
    """Return product * multiplier * 2**(shift - 32); where that may leave +-2**30, in steps of 2**shift, saturated."""
    if shift <= 0:
        return requantize(product, multiplier, shift)
    limit = _DRIVE_MAX >> shift
    return np.clip(rounded_shift(product * multiplier, 32), -limit, limit - 1) << shift


def _is_saturated_drive(drive: Integers, shift: int) -> NDArray[np.bool_]:
    """Return which drives stand at an end of their range, which none can reach without a shift."""
    return np.asarray((drive == -_DRIVE_MAX) | (drive == _DRIVE_MAX - (1 << max(shift, 0))))
