"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1). Twin of kernels/attention_f32.h.

Row maximum, exponentials, their sum, products with V on the unnormalised exponentials, one division a row.
"""

import numpy as np

from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import exp

_ONE = np.float32(1.0)


@float32_only
def attention(q: Floats, k: Floats, v: Floats, *, scale: float, causal: bool) -> Floats:
    """Return softmax(q k^T * scale) v, (B, T, H, w), for q (B, T, H, w), k and v (B, S, H, w).

    Causal keeps the keys j <= i and skips the others. Sums run over channels for the scores, over keys for the rest.
    """
    query, key, value = (np.ascontiguousarray(tensor.transpose(3, 0, 2, 1)) for tensor in (q, k, v))  # (w, B, H, time)
    width, batch, heads, queries = query.shape
    keys = key.shape[-1]
    scores = np.zeros((batch, heads, keys, queries), np.float32)
    for channel in range(width):
        scores += key[channel, ..., :, None] * query[channel, ..., None, :]
    scores *= np.float32(scale)
    if causal:
        ahead = np.arange(keys)[:, None] > np.arange(queries)
        scores[..., ahead] = -np.inf
    weights = exp(scores - scores.max(axis=2, keepdims=True))
    total = np.zeros((batch, heads, queries), np.float32)
    acc = np.zeros((width, batch, heads, queries), np.float32)
    for j in range(keys):
        first = j if causal else 0
        total[..., first:] += weights[..., j, first:]
        acc[..., first:] += weights[..., j, first:] * value[..., j, None]
    return np.ascontiguousarray((acc * (_ONE / total)).transpose(1, 3, 2, 0))
