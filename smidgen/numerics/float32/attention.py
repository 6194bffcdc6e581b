"""Scaled dot-product attention (Vaswani et al. 2017, eq. 1). Twin of kernels/attention_f32.h.

Row maximum, exponentials, their sum, products with V on the unnormalised exponentials, one division a row.
"""

import numpy as np

from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.float32.arithmetic import Floats, float32_only
from smidgen.numerics.float32.functions import exp

HIDDEN_BIAS = np.finfo(np.float32).min  # hides a pair
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)


@float32_only
def attention(
    q: Floats,
    k: Floats,
    v: Floats,
    *,
    scale: float,
    causal: bool,
    window: int,
    offset: int,
    bias: Floats | None = None,
) -> Floats:
    """Return softmax(q k^T * scale + bias) v, (B, T, H, u), for q (B, T, H, w), k (B, S, G, w), v (B, S, G, u).

    H / G heads in a row share keys and values. What a query sees is told in `attention_span`; a row that sees no key
    is 0. Sums run over channels for the scores, over keys for the rest.
    """
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], axis=2) for x in (k, v))
    query, key, value = (np.ascontiguousarray(tensor.transpose(3, 0, 2, 1)) for tensor in (q, k, v))  # (w, B, H, time)
    width, batch, heads, queries = query.shape
    keys = key.shape[-1]
    scores = np.zeros((batch, heads, keys, queries), np.float32)
    for channel in range(width):
        scores += key[channel, ..., :, None] * query[channel, ..., None, :]
    scores *= np.float32(scale)
    span = AttentionSpan(causal=causal, window=window, offset=offset)
    visible = span.visible(queries, keys)[None]  # (H or 1, T, S)
    if bias is not None:
        added = span.by_pair(bias, queries, keys)
        visible = visible & (added != HIDDEN_BIAS)
        scores += added.transpose(0, 2, 1)
    visible = np.broadcast_to(visible.transpose(0, 2, 1), scores.shape)
    largest = np.where(visible, scores, -np.inf).max(axis=2, keepdims=True)
    weights = np.where(visible, exp(scores - largest), _ZERO)
    total = np.zeros((batch, heads, queries), np.float32)
    acc = np.zeros((len(value), batch, heads, queries), np.float32)
    for j in range(keys):
        seen = visible[..., j, :]
        np.add(total, weights[..., j, :], out=total, where=seen)
        np.add(acc, weights[..., j, :] * value[..., j, None], out=acc, where=seen)
    inverse = np.where(visible.any(axis=2), _ONE / total, _ZERO)
    return np.ascontiguousarray((acc * inverse).transpose(1, 3, 2, 0))
