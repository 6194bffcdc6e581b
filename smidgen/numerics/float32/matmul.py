"""Products of two computed matrices. Twin of kernels/matmul_f32.h."""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only


@float32_only
def matmul(a: Floats, b: Floats, *, transposed: bool) -> Floats:
    """Return a (..., m, k) times b (..., k, n), or (..., n, k) where `transposed`; sums run over k in order."""
    right = b.swapaxes(-1, -2) if transposed else b
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    acc = np.zeros((*leading, a.shape[-2], right.shape[-1]), np.float32)
    for k in range(a.shape[-1]):
        acc += a[..., :, k, None] * right[..., None, k, :]
    return acc
