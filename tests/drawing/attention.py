"""Attention with a softmax, over a window and of one step, without one, and rotary positions before it."""

from hypothesis import strategies as st
from strategies import attention_biases

from drawing.sketch import Generators, Sketch
from smidgen.numerics.attention_span import AttentionSpan


def _attention(s: Sketch, kind: str, x: str) -> str:
    q = s.symmetric(s.ranked(x, 3))
    steps, heads, width = s.shape(q)
    keys, sharing = s.one_of(steps, steps, steps, s.whole(1, 9)), s.divisor(heads)
    k = _joined(s, q, keys, sharing, width)
    v = _joined(s, q, keys, sharing, s.whole(1, 5))
    span = s.attention_span()
    bias = s.draw(attention_biases(span, heads, steps, keys))
    return s.scaled(
        lambda y: s.attention(
            q, k, v, causal=span.causal, window=span.window, offset=span.offset, bias=bias, y=y
        )
    )  # fmt: skip


def _cached_attention(s: Sketch, kind: str, x: str) -> str:
    x = s.symmetric(s.ranked(x, 2))
    q = s.reshape(x, 1, *s.shape(x))
    _, heads, width = s.shape(q)
    sharing, window = s.divisor(heads), s.whole(1, 6)
    k, v = _joined(s, q, 1, sharing, width), _joined(s, q, 1, sharing, s.whole(1, 5))
    bias = s.draw(attention_biases(AttentionSpan(causal=True, window=window), heads, window, window))
    by_distance = bias if bias is None or bias.ndim == 2 else None
    return s.scaled(lambda y: s.cached_attention(q, k, v, window=window, bias=by_distance, y=y))


def _linear_attention(s: Sketch, kind: str, x: str) -> str:
    q = s.symmetric(s.ranked(x, 3))
    steps, heads, width = s.shape(q)
    k = _joined(s, q, steps, heads, width)
    v = _joined(s, q, steps, heads, s.whole(1, 5))
    decay = s.draw(st.none() | st.sampled_from([0.875, 0.5, 0.999, 2.0**-20]))
    return s.scaled(lambda y: s.linear_attention(q, k, v, decay=decay, y=y))


def _rotary(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 3)
    pairs, interleaved = s.whole(0, s.shape(x)[-1] // 2), s.chance()
    if pairs == 0:
        x, pairs = s.concat(2, x, x), 1
    return s.scaled(lambda y: s.rotary(x, pairs=pairs, interleaved=interleaved, y=y))


def _joined(s: Sketch, q: str, *shape: int) -> str:
    """Return keys or values for q: made of its elements, perhaps in another type, or constants."""
    if s.chance():
        return s.drawn_constant(q, *shape)
    found = s.shaped(q, *shape)
    if s.tensors[q].is_float or s.chance():
        return found
    return s.scaled(lambda y: s.rescale(found, y), symmetric=True)


GENERATORS: Generators = {
    "attention": _attention,
    "rotary": _rotary,
    "linear_attention": _linear_attention,
}

#: Of a step alone.
STEP_GENERATORS: Generators = {"cached_attention": _cached_attention}
