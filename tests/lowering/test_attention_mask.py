"""The spellings of attention masks: each is found to be what it says, and says the same afterwards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smidgen.lowering.attention_mask import MaskForm, mask_form
from smidgen.numerics.attention_span import AttentionSpan

Floats = NDArray[np.float64]

T = 7
KEY = np.arange(T)
DISTANCE = KEY[:, None] - KEY
CAUSAL = np.where(DISTANCE >= 0, 0.0, -np.inf)
SLOPES = np.array([0.5, 0.25])[:, None, None]


def softmax(mask: Floats) -> Floats:
    """Return the weights of equal scores under a mask; a row without a key is 0."""
    peak = mask.max(axis=-1, keepdims=True)
    weights = np.exp(mask - np.where(np.isfinite(peak), peak, 0.0))
    return weights / np.maximum(weights.sum(axis=-1, keepdims=True), np.finfo(float).tiny)


def rebuilt(form: MaskForm, shape: tuple[int, ...]) -> Floats:
    """Return the mask (H, T, S) that a form stands for."""
    visible = np.where(form.span.visible(*shape[1:]), 0.0, -np.inf)
    bias = np.zeros(shape) if form.bias is None else form.span.by_pair(form.bias, *shape[1:])
    return np.broadcast_to(visible, shape) + bias


@pytest.mark.parametrize(
    ("mask", "span", "bias"),
    [
        (np.zeros((T, T)), AttentionSpan(), None),
        (CAUSAL, AttentionSpan(causal=True), None),
        (np.where(DISTANCE >= 0, 0.0, -1e9), AttentionSpan(causal=True), None),
        (np.where(DISTANCE >= 0, 0.0, np.finfo(np.float32).min), AttentionSpan(causal=True), None),
        (np.where(DISTANCE >= 0, 3.0, -1e4), AttentionSpan(causal=True), (1, T)),
        (np.where((DISTANCE >= 0) & (DISTANCE < 3), 0.0, -np.inf), AttentionSpan(causal=True, window=3), None),
        (np.where(np.abs(DISTANCE) < 3, 0.0, -np.inf), AttentionSpan(window=3), None),
        (np.where(DISTANCE >= -1, 0.0, -np.inf), AttentionSpan(causal=True, offset=1), None),
        (np.where(np.arange(4)[:, None] + 3 >= KEY, 0.0, -np.inf), AttentionSpan(causal=True, offset=3), None),
        (np.eye(T) - 1.0 + np.where(np.eye(T) > 0, 0.0, -np.inf), AttentionSpan(causal=True, window=1), None),
        (CAUSAL - SLOPES * DISTANCE, AttentionSpan(causal=True), (2, T)),
        (CAUSAL + SLOPES * KEY, AttentionSpan(causal=True), (2, T)),
        (-SLOPES * np.abs(DISTANCE), AttentionSpan(), (2, 2 * T - 1)),
        (np.where(DISTANCE % 2 == 0, CAUSAL, -np.inf), AttentionSpan(causal=True), (1, T)),
        (np.where(KEY == 2, -np.inf, CAUSAL), AttentionSpan(causal=True), (1, T, T)),
        (np.where(DISTANCE > 0, 0.0, -np.inf), AttentionSpan(causal=True), (1, T)),
        (np.random.default_rng(0).normal(size=(3, T, T)), AttentionSpan(), (3, T, T)),
        (np.full((T, T), -np.inf), AttentionSpan(), (1, 2 * T - 1)),
        (np.full((T, T), -1e9), AttentionSpan(), None),
    ],
    ids=[
        "none", "causal", "-1e9", "lowest float", "-1e4 and a constant", "window", "window of both sides", "one ahead",
        "last query at the last key", "diagonal", "ALiBi", "ALiBi as Bloom has it", "ALiBi of both sides", "dilated",
        "one key hidden", "strictly before", "any bias", "all hidden", "all at -1e9",
    ],
)  # fmt: skip
def test_a_mask_is_told_in_its_plainest_form(mask: Floats, span: AttentionSpan, bias: tuple[int, ...] | None) -> None:
    """The span, and whether a bias is left, by distance or by pair, for one head or all; its weights stay."""
    mask = mask[None] if mask.ndim == 2 else mask
    form = mask_form(mask)
    assert (form.span, None if form.bias is None else form.bias.shape) == (span, bias)
    np.testing.assert_allclose(softmax(rebuilt(form, mask.shape)), softmax(mask), atol=1e-12)


@given(
    seed=st.integers(0, 2**32 - 1), heads=st.integers(1, 2), queries=st.integers(1, 6), keys=st.integers(1, 6),
    hidden=st.sampled_from([0.0, 0.4, 0.9]), band=st.booleans(), toeplitz=st.booleans(),
)  # fmt: skip
def test_any_mask_keeps_its_weights(
    seed: int, heads: int, queries: int, keys: int, hidden: float, band: bool, toeplitz: bool
) -> None:
    """Whatever is found in it, the weights of equal scores are those of the mask as it was."""
    random = np.random.default_rng(seed)
    distance = np.arange(queries)[:, None] - np.arange(keys)
    mask = random.normal(size=(heads, queries, keys))
    if toeplitz:
        mask = random.normal(size=(heads, queries + keys))[:, distance + keys]
    if band:
        low, high = sorted(random.integers(-keys, queries, 2))
        mask = np.where((distance >= low) & (distance <= high), mask, -np.inf)
    mask[random.random(mask.shape) < hidden] = random.choice([-np.inf, -1e9])
    form = mask_form(mask)
    np.testing.assert_allclose(softmax(rebuilt(form, mask.shape)), softmax(mask), atol=1e-12)


def test_what_cannot_count_is_hidden() -> None:
    """A steep bias becomes a window where the scores cannot make up for it."""
    form = mask_form((CAUSAL - 10.0 * DISTANCE)[None], negligible=35.0)
    assert form.span == AttentionSpan(causal=True, window=4)
    np.testing.assert_array_equal(form.bias, [[0.0, -10.0, -20.0, -30.0]])
