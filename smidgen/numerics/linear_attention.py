"""Causal attention without a softmax, as a recurrence (Katharopoulos et al. 2020; with decay, Sun et al. 2023).

Twin of kernels/linear_attention.h. Glossary: b batch, T time, H heads, w width of q and k, u width of v.
    S = decay S + k v^T         per head, int32 with |S| < 2**30; rounded once by the decay and once by the shift
    y = scale * q S             64 bits, one rounded shift and one rounded product
What is rounded per step is half a unit of S, 2**-30 of what S may reach; so y keeps more than 16 bits.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, integer_range, rounded_shift, saturate
from smidgen.numerics.quantization import QParams

STATE_BITS = 30
LARGEST_LEFT_SHIFT = -16
DECAY_BITS = 31
MULTIPLIER_BITS = 22
_SUM_BITS = 40  # of q S before its multiplier
#: A memory that reaches further back is bounded by the number of steps instead.
_LONGEST_MEMORY = 2.0**16


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAttentionParameters:
    """Constants of one operator; `decay` (H,) in Q31 is None where nothing is forgotten."""

    state_shift: int  # of a product k v, to the right; negative to the left
    output_prescale: int  # of a sum q S
    output_multiplier: int  # in [2**21, 2**22]
    output_shift: int
    decay: Integers | None = None


def linear_attention_parameters(
    q: QParams,
    k: QParams,
    v: QParams,
    y: QParams,
    *,
    width: int,
    steps: int,
    scale: float,
    decay: NDArray[np.float64] | None = None,
) -> LinearAttentionParameters:
    """Fold the scales for `width` channels a head, `steps` steps and a decay (H,) in (0, 1).

    q, k and v are symmetric. Raises GraphError where they are not, or a scale cannot be represented.
    """
    if any(p.zero_point for p in (q, k, v)):
        raise GraphError("linear attention needs symmetric q, k and v; their zero points must be 0")
    if scale <= 0:
        raise GraphError(f"linear attention: scale must be positive, got {scale:g}")
    stored = None if decay is None else np.minimum(np.rint(decay * 2.0**DECAY_BITS), 2**DECAY_BITS - 1).astype(np.int64)
    reach = float(steps)
    if stored is not None and (memory := memory_steps(stored)) <= _LONGEST_MEMORY:
        reach = memory
    product = _largest(k) * _largest(v)
    # Products take as many bits of the state as there are, so that what a decay rounds off is below them.
    state_shift = LARGEST_LEFT_SHIFT if stored is not None else 0
    while state_bound(product, state_shift, reach) >= 2**STATE_BITS:
        state_shift += 1
    output_prescale = max(0, (width * _largest(q)).bit_length() + STATE_BITS - _SUM_BITS)
    factor = q.scale * k.scale * v.scale * scale / y.scale * 2.0 ** (state_shift + output_prescale)
    mantissa, exponent = math.frexp(factor)
    output_shift = MULTIPLIER_BITS - exponent
    if not 0 <= output_shift <= 62:
        raise GraphError(f"linear attention: scale {y.scale:g} of the output does not fit that of q, k and v")
    return LinearAttentionParameters(
        state_shift=state_shift,
        output_prescale=output_prescale,
        output_multiplier=round(mantissa * 2.0**MULTIPLIER_BITS),
        output_shift=output_shift,
        decay=stored,
    )


def memory_steps(decay: Integers) -> float:
    """Return how many equal steps a state can add up to at most, 1 / (1 - decay), for decays in Q31."""
    return float(2**DECAY_BITS / (2**DECAY_BITS - int(decay.max())))


def state_bound(product: int, state_shift: int, reach: float) -> int:
    """Return what |S| stays within after as many steps as `reach`, both roundings of each step included."""
    added = product >> state_shift if state_shift >= 0 else product << -state_shift
    return math.ceil(reach * (added + 2))


def _largest(qparams: QParams) -> int:
    low, high = integer_range(qparams.dtype)
    return max(-low, high)


def linear_attention(
    q: Integers,
    k: Integers,
    v: Integers,
    *,
    state_shift: int,
    output_prescale: int,
    output_multiplier: int,
    output_shift: int,
    zero_point: int,
    dtype: str,
    decay: Integers | None = None,
    carried: Integers | None = None,
) -> Integers:
    """Return y (b, T, H, u) for q, k (b, T, H, w) and v (b, T, H, u).

    Goes on from the state `carried` (b, H, u, w) and leaves the last one there; without it, from zero.
    """
    (batch, steps, heads, width), values = q.shape, v.shape[-1]
    state = np.zeros((batch, heads, values, width), np.int64) if carried is None else carried
    y = np.empty(v.shape, np.int64)
    for t in range(steps):
        added = v[:, t, :, :, None] * k[:, t, :, None, :]
        added = rounded_shift(added, state_shift) if state_shift >= 0 else added << -state_shift
        kept = state if decay is None else rounded_shift(state * decay[:, None, None], DECAY_BITS)
        state = kept + added
        acc = rounded_shift((state * q[:, t, :, None, :]).sum(axis=-1), output_prescale)
        y[:, t] = saturate(rounded_shift(acc * output_multiplier, output_shift) + zero_point, dtype)
    if carried is not None:
        carried[...] = state
    return y
