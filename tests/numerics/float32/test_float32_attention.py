"""Attention against float64, and what causality means."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics import float32


@given(
    seed=st.integers(0, 2**32 - 1),
    queries=st.integers(1, 12),
    keys=st.integers(1, 12),
    heads=st.integers(1, 3),
    width=st.integers(1, 8),
    causal=st.booleans(),
)
def test_attention_equals_its_definition(
    seed: int, queries: int, keys: int, heads: int, width: int, causal: bool
) -> None:
    """softmax(q k^T * scale) v within 1e-5 of float64; causal query i sees the keys 0 to i."""
    random = np.random.default_rng(seed)
    q = random.normal(size=(2, queries, heads, width)).astype(np.float32)
    k, v = random.normal(size=(2, 2, keys, heads, width)).astype(np.float32)
    scale = 1.0 / np.sqrt(width)
    scores = np.einsum("bihw,bjhw->bhij", q.astype(np.float64), k.astype(np.float64)) * scale
    if causal:
        scores[..., np.arange(keys) > np.arange(queries)[:, None]] = -np.inf
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    expected = np.einsum("bhij,bjhw->bihw", weights / weights.sum(axis=-1, keepdims=True), v.astype(np.float64))
    np.testing.assert_allclose(float32.attention(q, k, v, scale=scale, causal=causal), expected, rtol=1e-5, atol=1e-5)


def test_causal_rows_equal_those_of_the_shorter_sequence() -> None:
    """Row i of a causal sequence has the bytes it has when the sequence ends there: what streaming counts on."""
    q, k, v = np.random.default_rng(5).normal(size=(3, 2, 9, 2, 4)).astype(np.float32)
    whole = float32.attention(q, k, v, scale=0.5, causal=True)
    for steps in range(1, 10):
        part = float32.attention(q[:, :steps], k[:, :steps], v[:, :steps], scale=0.5, causal=True)
        np.testing.assert_array_equal(part, whole[:, :steps])


def test_large_scores_do_not_overflow() -> None:
    """Scores of 10000 pick the largest key: the maximum is taken off before the exponential."""
    q = np.full((1, 1, 1, 1), 100.0, np.float32)
    k = np.array([100.0, 99.0, -100.0], np.float32).reshape(1, 3, 1, 1)
    v = np.array([1.0, 2.0, 3.0], np.float32).reshape(1, 3, 1, 1)
    assert float32.attention(q, k, v, scale=1.0, causal=False).item() == 1.0
