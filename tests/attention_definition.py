"""Scaled dot-product attention as the papers define it, in float64: what both arithmetics approximate."""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.attention_span import AttentionSpan

Floats = NDArray[np.float64]


def exact_attention(
    q: Floats, k: Floats, v: Floats, *, scale: float, span: AttentionSpan, bias: Floats | None = None
) -> Floats:
    """Return softmax(q k^T * scale + bias) v for q (B, T, H, w), k (B, S, G, w), v (B, S, G, u).

    A row that sees no key is 0.
    """
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], axis=2) for x in (k, v))
    scores = np.einsum("bihd,bjhd->bhij", q, k) * scale
    if bias is not None:
        scores = scores + span.by_pair(bias, q.shape[1], k.shape[1])
    scores = np.where(span.visible(q.shape[1], k.shape[1]), scores, -np.inf)
    peak = scores.max(axis=-1, keepdims=True)
    p = np.exp(scores - np.where(np.isfinite(peak), peak, 0.0))
    return np.einsum("bhij,bjhd->bihd", p / np.maximum(p.sum(axis=-1, keepdims=True), np.finfo(float).tiny), v)
