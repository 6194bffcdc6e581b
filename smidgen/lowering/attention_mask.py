"""What a constant attention mask says: a span (causal, window), and a bias by distance or by pair for what is left.

Glossary: H heads, T queries, S keys; a mask (H, T, S) is added to the scaled scores, -inf hides a pair.
A row of a softmax may be shifted: biases by the key's position (Bloom's spelling of ALiBi) are biases by distance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.attention_span import AttentionSpan

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]

#: What lies this far below the largest of its row is meant as hidden: -1e4 and -1e9 are other spellings of -inf.
_MEANT_AS_HIDDEN = 1e4
#: Biases by distance that were computed in float32 differ by rounding, relative to the largest.
_SAME = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskForm:
    """A span, and what is added inside it: None, (H or 1, distances) or (H or 1, T, S), -inf for a hidden pair."""

    span: AttentionSpan
    bias: Floats | None


def mask_form(mask: Floats, *, negligible: float = np.inf) -> MaskForm:
    """Return the plainest form of a mask (H, T, S).

    Args: negligible, how far below the largest of its row a bias may lie to count at all.
    """
    mask = _one_head(_hidden_as_infinity(mask, negligible))
    seen = np.isfinite(mask)
    span = _span(np.any(seen, axis=0))
    inside = np.broadcast_to(span.visible(*mask.shape[1:]), mask.shape)
    if np.all(seen[inside]) and np.all(mask[inside] == 0.0):
        return MaskForm(span=span, bias=None)
    peak = mask.max(axis=-1, keepdims=True)
    shifted = mask - np.where(np.isfinite(peak), peak, 0.0)
    for candidate in (mask, shifted):
        by_distance = _by_distance(candidate, inside, span)
        if by_distance is not None:
            return MaskForm(span=span, bias=_one_head(by_distance))
    return MaskForm(span=span, bias=np.where(inside, mask, 0.0))


def _hidden_as_infinity(mask: Floats, negligible: float) -> Floats:
    """Write -inf for what hides a pair; a row that is hidden by a finite number is flat, as softmax has it."""
    peak = mask.max(axis=-1, keepdims=True)
    finite_peak = np.where(np.isfinite(peak), peak, 0.0)
    mask = np.where(np.abs(finite_peak) >= _MEANT_AS_HIDDEN, mask - finite_peak, mask)
    floor = mask.max(axis=-1, keepdims=True) - min(_MEANT_AS_HIDDEN, negligible)
    return np.where(mask > floor, mask, -np.inf)


def _one_head(mask: Floats) -> Floats:
    return mask[:1] if bool((mask == mask[:1]).all()) else mask


def _span(seen: Truths) -> AttentionSpan:
    """Return the tightest span that shows every pair (T, S) that some head sees."""
    queries, keys = seen.shape
    if not seen.any():
        return AttentionSpan()
    distance = np.arange(queries)[:, None] - np.arange(keys)
    ahead = int(-distance[seen].min())

    def with_window(causal: bool, offset: int) -> list[AttentionSpan]:
        window = int(np.abs(distance + offset)[seen].max()) + 1
        return [AttentionSpan(causal=causal, window=size, offset=offset) for size in (0, window)]

    # Of equals the first is taken: the plainest, causal with the last query at the last key, as tight as can be.
    spans = [AttentionSpan()]
    spans += with_window(True, max(0, keys - queries)) if ahead <= max(0, keys - queries) else []
    spans += with_window(False, 0)
    spans += with_window(True, max(0, ahead))
    return min(spans, key=lambda span: int(np.count_nonzero(span.visible(queries, keys))))


def _by_distance(mask: Floats, inside: Truths, span: AttentionSpan) -> Floats | None:
    """Return (H, distances) if the mask says the same for all pairs of one distance, else None."""
    heads, queries, keys = mask.shape
    columns = span.by_pair(np.arange(span.bias_columns(queries, keys))[None], queries, keys)[0]  # (T, S)
    pairs = inside[0]
    table = np.zeros((heads, span.bias_columns(queries, keys)))
    table[:, columns[pairs]] = mask[:, pairs]
    tolerance = _SAME * max(1.0, float(np.abs(mask[np.isfinite(mask)]).max(initial=0.0)))
    same = np.isclose(table[:, columns[pairs]], mask[:, pairs], rtol=0.0, atol=tolerance)
    return table if same.all() else None
