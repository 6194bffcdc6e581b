"""Attention against float64, and what causality means."""

from dataclasses import asdict

import numpy as np
from attention_definition import exact_attention
from hypothesis import given
from hypothesis import strategies as st
from strategies import attention_biases, attention_spans

from smidgen.numerics import float32
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.float32.attention import HIDDEN_BIAS

EVERYTHING = {"causal": False, "window": 0, "offset": 0}


@given(
    data=st.data(), seed=st.integers(0, 2**32 - 1), queries=st.integers(1, 12), keys=st.integers(1, 12),
    groups=st.integers(1, 3), shared=st.integers(1, 2), width=st.integers(1, 8), span=attention_spans,
)  # fmt: skip
def test_attention_equals_its_definition(
    data: st.DataObject, seed: int, queries: int, keys: int, groups: int, shared: int, width: int, span: AttentionSpan
) -> None:
    """softmax(q k^T * scale + bias) v within 1e-5 of float64; a row that sees no key is 0."""
    random = np.random.default_rng(seed)
    q = random.normal(size=(2, queries, groups * shared, width)).astype(np.float32)
    k = random.normal(size=(2, keys, groups, width)).astype(np.float32)
    v = random.normal(size=(2, keys, groups, 3)).astype(np.float32)
    bias = data.draw(attention_biases(span, groups * shared, queries, keys))
    scale = 1.0 / np.sqrt(width)
    expected = exact_attention(*(x.astype(np.float64) for x in (q, k, v)), scale=scale, span=span, bias=bias)
    stored = None if bias is None else np.maximum(bias, HIDDEN_BIAS).astype(np.float32)
    found = float32.attention(q, k, v, scale=scale, **asdict(span), bias=stored)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_causal_rows_equal_those_of_the_shorter_sequence() -> None:
    """Row i of a causal sequence has the bytes it has when the sequence ends there: what streaming counts on."""
    q, k, v = np.random.default_rng(5).normal(size=(3, 2, 9, 2, 4)).astype(np.float32)
    whole = float32.attention(q, k, v, scale=0.5, causal=True, window=0, offset=0)
    for steps in range(1, 10):
        part = float32.attention(q[:, :steps], k[:, :steps], v[:, :steps], scale=0.5, causal=True, window=0, offset=0)
        np.testing.assert_array_equal(part, whole[:, :steps])


def test_large_scores_do_not_overflow() -> None:
    """Scores of 10000 pick the largest key: the maximum is taken off before the exponential."""
    q = np.full((1, 1, 1, 1), 100.0, np.float32)
    k = np.array([100.0, 99.0, -100.0], np.float32).reshape(1, 3, 1, 1)
    v = np.array([1.0, 2.0, 3.0], np.float32).reshape(1, 3, 1, 1)
    assert float32.attention(q, k, v, scale=1.0, **EVERYTHING).item() == 1.0
