"""Products of two computed matrices in integers. Twin of kernels/matmul.h.

Both are symmetric. Where their sums may leave 32 bits, they are taken in 64 and shifted back before the scale.
"""

from dataclasses import dataclass

import numpy as np

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, fixed_point, integer_range, requantize, rounded_shift, saturate
from smidgen.numerics.quantization import QParams

_ACCUMULATOR_BITS = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class MatmulParameters:
    """y = sat(zero_point + requantize(sum shifted right by prescale, multiplier, shift))."""

    prescale: int  # 0 where the sum fits int32
    multiplier: int
    shift: int


def matmul_parameters(a: QParams, b: QParams, y: QParams, depth: int) -> MatmulParameters:
    """Fold the scales of sums over `depth` products; raise GraphError for operands with a zero point."""
    if a.zero_point or b.zero_point:
        raise GraphError("a product of two tensors needs symmetric operands; their zero points must be 0")
    prescale = max(0, largest_product_sum(a.dtype, b.dtype, depth).bit_length() - _ACCUMULATOR_BITS)
    # One more where the rounding of the shift could carry into the last bit.
    prescale += prescale > 0
    multiplier, shift = fixed_point(a.scale * b.scale * 2.0**prescale / y.scale, "matmul: ratio of scales")
    return MatmulParameters(prescale=prescale, multiplier=int(multiplier[0]), shift=shift)


def largest_product_sum(a_dtype: str, b_dtype: str, depth: int) -> int:
    """Return the largest magnitude of a sum of `depth` products."""
    (a_low, a_high), (b_low, b_high) = integer_range(a_dtype), integer_range(b_dtype)
    return depth * max(-a_low, a_high) * max(-b_low, b_high)


def matmul(
    a: Integers,
    b: Integers,
    *,
    transposed: bool,
    prescale: int,
    multiplier: int,
    shift: int,
    zero_point: int,
    dtype: str,
) -> Integers:
    """Return a (..., m, k) times b (..., k, n), or (..., n, k) where `transposed`; leading axes are broadcast.

    float64 BLAS is exact for sums below 2**53: depths below 2**23 of int16.
    """
    right = b.swapaxes(-1, -2) if transposed else b
    acc = np.rint(a.astype(np.float64) @ right.astype(np.float64)).astype(np.int64)
    return saturate(requantize(rounded_shift(acc, prescale), multiplier, shift) + zero_point, dtype)
