"""What a query sees, written out: causal or not, through a window, from a step of its own."""

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import attention_spans

from smidgen.errors import GraphError
from smidgen.numerics.attention_span import AttentionSpan

steps = st.integers(1, 9)


@given(span=attention_spans, queries=steps, keys=steps)
def test_a_span_is_its_definition(span: AttentionSpan, queries: int, keys: int) -> None:
    """Pair by pair; and no row has more keys than are said to be the most, no pair is farther than the reach."""
    visible = span.visible(queries, keys)
    for i in range(queries):
        for j in range(keys):
            distance = i + span.offset - j
            near = span.window == 0 or abs(distance) < span.window
            assert visible[i, j] == (near and (not span.causal or distance >= 0))
    distances = (np.arange(queries)[:, None] + span.offset - np.arange(keys))[visible]
    ahead, behind = span.reach(queries, keys)
    assert np.all((-ahead <= distances) & (distances <= behind))
    assert visible.sum(axis=1).max() <= span.most_keys(queries, keys) <= keys


@given(span=attention_spans, queries=st.integers(1, 40), keys=st.integers(1, 40))
def test_blocks_of_queries_see_what_all_at_once_see(span: AttentionSpan, queries: int, keys: int) -> None:
    """Every query stands in one block, with all keys that it sees; bias by distance and reach are the same there."""
    seen = np.zeros((queries, keys), bool)
    with patch("smidgen.numerics.attention_span._LEAST_BLOCK", 3):
        blocks = list(span.blocks(queries, keys))
    for rows, columns, part in blocks:
        seen[rows, columns] = part.visible(rows.stop - rows.start, columns.stop - columns.start)
    np.testing.assert_array_equal(span.visible(queries, keys), seen)
    assert [row for rows, _, _ in blocks for row in range(rows.start, rows.stop)] == list(range(queries))


@given(span=attention_spans, queries=steps, keys=steps, surplus=st.integers(0, 3), heads=st.integers(1, 2))
def test_a_bias_by_distance_says_the_same_as_one_by_pair(
    span: AttentionSpan, queries: int, keys: int, surplus: int, heads: int
) -> None:
    """Where a pair is visible; the strides find the element that the pair stands for, in either form."""
    columns = span.bias_columns(queries, keys) + (surplus if span.causal else 0)
    bias = np.arange(heads * columns).reshape(heads, columns)
    pairs = span.by_pair(bias, queries, keys)
    ahead, _ = span.reach(queries, keys)
    for i, j in np.argwhere(span.visible(queries, keys)):
        np.testing.assert_array_equal(bias[:, i + span.offset - j + ahead], pairs[:, i, j])
        for form in (bias, pairs):
            origin, head, query, key = span.bias_strides(form, queries, keys)
            for h in range(heads):
                assert form.reshape(-1)[origin + head * h + query * i + key * j] == pairs[h, i, j]


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (lambda span: np.zeros((1, 5)), r"a bias by distance must be \(heads or 1, 7\), got \(1, 5\)"),
        (lambda span: np.zeros((1, 4, 5)), r"a bias of pairs must be \(heads or 1, 4, 4\), got \(1, 4, 5\)"),
        (lambda span: np.zeros(7), r"must be \(heads or 1, 7\), got \(7,\)"),
    ],
)
def test_a_bias_of_another_shape_is_refused(bias: Callable[[AttentionSpan], np.ndarray], message: str) -> None:
    """The error says the shape that is needed."""
    span = AttentionSpan()
    with pytest.raises(GraphError, match=message):
        span.by_pair(bias(span), 4, 4)
