"""Integer attention against float64: ordinary, peaked, flat and hostile rows, one key to 512, any span and bias."""

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from attention_definition import exact_attention
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, attention_biases, attention_spans, tensors

from smidgen.errors import GraphError
from smidgen.numerics.attention import AttentionParameters, attention, attention_parameters
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Operands = tuple[Integers, Integers, Integers]
Scales = tuple[QParams, QParams, QParams]

HEADS, WIDTH = 2, 8
EVERYTHING, CAUSAL = AttentionSpan(), AttentionSpan(causal=True)


def symmetric(dtype: str, peak: float) -> QParams:
    """Return symmetric parameters that reach `peak`."""
    return QParams(dtype=dtype, scale=peak / integer_range(dtype)[1])


def constants(p: AttentionParameters) -> dict[str, Any]:
    """Return parameters as keyword arguments."""
    return {f.name: getattr(p, f.name) for f in fields(p)}


def errors(
    x: Operands, scales: Scales, y: QParams, span: AttentionSpan = EVERYTHING, bias: Floats | None = None
) -> tuple[Floats, Floats]:
    """Return the distance from float64 and what float64 gives, in steps of y."""
    real = [qparams.dequantize(values) for qparams, values in zip(scales, x, strict=True)]
    width, (queries, keys) = real[0].shape[-1], (x[0].shape[1], x[1].shape[1])
    exact = exact_attention(*real, scale=width**-0.5, span=span, bias=bias) / y.scale + y.zero_point
    p = attention_parameters(
        *scales, y, width=width, keys=span.most_keys(queries, keys), scale=width**-0.5, bias=bias
    )  # fmt: skip
    found = attention(*x, **asdict(span), **constants(p), zero_point=y.zero_point, dtype=y.dtype)
    exact = np.clip(exact, *integer_range(y.dtype))
    return np.abs(found - exact), exact


def worst_error(*arguments: Any) -> float:
    """Return the largest distance from float64 in steps of y."""
    return float(errors(*arguments)[0].max())


def normal_operands(dtypes: tuple[str, str, str], steps: int, peak: float) -> tuple[Operands, Scales]:
    """Return q, k and v (1, steps, H, w) as after a projection, and their scales; larger `peak`, sharper rows."""
    random = np.random.default_rng(steps)
    scales = symmetric(dtypes[0], peak), symmetric(dtypes[1], peak), symmetric(dtypes[2], 2.0)
    real = [random.normal(size=(1, steps, HEADS, WIDTH)) * s for s in (peak / 3, peak / 3, 0.7)]
    q, k, v = (qparams.quantize(values) for qparams, values in zip(scales, real, strict=True))
    return (q, k, v), scales


@pytest.mark.parametrize("steps", [1, 2, 20, 64, 512])
@pytest.mark.parametrize("peak", [0.5, 3.0, 20.0], ids=["flat", "usual", "peaked"])
@pytest.mark.parametrize(
    ("q_type", "v_type", "y_type", "bound"),
    [
        ("int8", "int8", "int8", 0.52),
        ("int16", "int16", "int8", 0.52),
        ("int8", "int8", "int16", 2.0),
        ("int16", "int16", "int16", 2.0),
    ],
)
@pytest.mark.parametrize("span", [EVERYTHING, CAUSAL, AttentionSpan(causal=True, window=16)], ids=str)
def test_attention_of_usual_activations_is_rounded_once(
    steps: int, peak: float, q_type: str, v_type: str, y_type: str, bound: float, span: AttentionSpan
) -> None:
    """On projected activations, flat to fully peaked, 1 to 512 keys: 0.52 steps of int8, 2 of int16."""
    x, scales = normal_operands((q_type, q_type, v_type), steps, peak)
    assert worst_error(x, scales, symmetric(y_type, 2.0), span) <= bound


@pytest.mark.parametrize(
    ("y_type", "slope", "floor_db"),
    [("int8", 0.0, 30.0), ("int8", 0.5, 30.0), ("int16", 0.0, 75.0), ("int16", 0.01, 75.0), ("int16", 0.5, 53.0)],
)
def test_512_keys_keep_their_signal(y_type: str, slope: float, floor_db: float) -> None:
    """T = 512 with ALiBi: 16 bits of a bias that falls to -256 leave 53 dB, int8 what rounding the result leaves."""
    x, scales = normal_operands(("int16", "int16", "int16"), 512, 3.0)
    bias = -slope * np.arange(512.0)[None] if slope else None
    error, exact = errors(x, scales, symmetric(y_type, 1.0), CAUSAL, bias)
    assert 10 * np.log10((exact**2).sum() / (error**2).sum()) >= floor_db


@given(
    data=st.data(), q_type=activation_types, v_type=activation_types, y_type=activation_types,
    queries=st.integers(1, 5), keys=st.integers(1, 40), peak=st.floats(0.1, 30.0), span=attention_spans,
)  # fmt: skip
def test_attention_is_within_its_bound_on_any_row(
    data: st.DataObject, q_type: str, v_type: str, y_type: str, queries: int, keys: int, peak: float,
    span: AttentionSpan,
) -> None:  # fmt: skip
    """T rounded numerators may move T 2^-16 of the range of v; rounding of score, bias and result do the rest.

    A bias is off by half a step of its 16 bits, or half a score: both of two keys, each by e to that power.
    """
    x = (
        data.draw(tensors(q_type, 1, queries, HEADS, WIDTH)),
        data.draw(tensors(q_type, 1, keys, 1, WIDTH)),
        data.draw(tensors(v_type, 1, keys, 1, 3)),
    )
    scales = symmetric(q_type, peak), symmetric(q_type, peak), symmetric(v_type, 1.0)
    bias = data.draw(attention_biases(span, HEADS, queries, keys))
    y = symmetric(y_type, 1.0)
    steps = 2 * integer_range(y_type)[1] + 2
    largest = 0.0 if bias is None else float(np.abs(bias[np.isfinite(bias)]).max(initial=0.0))
    half = max(largest / 32767, 0.5 * scales[0].scale * scales[1].scale * WIDTH**-0.5) if largest else 0.0
    assert worst_error(x, scales, y, span, bias) <= 0.51 + steps * (keys * 2.0**-16 + 2.0**-14 + np.expm1(2 * half) / 2)


def test_many_keys_just_too_weak_are_the_worst_case() -> None:
    """511 keys whose numerators round to 0 or 1 against one peak: the bound is met, and nearly reached."""
    scales = symmetric("int16", 30.0), symmetric("int16", 30.0), symmetric("int8", 1.0)
    k = np.zeros((1, 512, 1, 1))
    k[0, 1:, 0, 0] = -np.log(65536.0 * 1.02)  # a numerator just below half a step
    v = np.full((1, 512, 1, 1), 127)
    v[0, 0] = -127
    x = scales[0].quantize(np.ones((1, 1, 1, 1))), scales[1].quantize(k), v
    error = worst_error(x, scales, symmetric("int8", 1.0))
    assert 1.0 < error <= 0.51 + 256 * (512 * 2.0**-16 + 2.0**-14)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_what_a_row_cannot_see_changes_nothing(dtype: str) -> None:
    """Keys and values that span or bias hide from a row: not a byte of it, whatever they hold."""
    x, scales = normal_operands((dtype, dtype, dtype), 20, 3.0)
    pairs = np.random.default_rng(1).normal(size=(HEADS, 20, 20))
    pairs[:, :, 3] = -np.inf
    distances = np.where(np.arange(9) % 2, -np.inf, 0.5)[None]
    cases: list[tuple[AttentionSpan, Floats | None]] = [
        (CAUSAL, None), (AttentionSpan(window=5), distances), (AttentionSpan(causal=True, window=4, offset=2), None),
        (EVERYTHING, pairs),
    ]  # fmt: skip
    for span, bias in cases:
        p = attention_parameters(*scales, scales[2], width=WIDTH, keys=20, scale=1.0, bias=bias)
        hidden = ~span.visible(20, 20)[None] if bias is None else (
            ~span.visible(20, 20) | np.isinf(span.by_pair(bias, 20, 20))
        )  # fmt: skip
        before = attention(*x, **asdict(span), **constants(p), zero_point=0, dtype=dtype)
        for key in range(20):
            k, v = x[1].copy(), x[2].copy()
            k[:, key], v[:, key] = -k[:, key], -v[:, key]
            after = attention(x[0], k, v, **asdict(span), **constants(p), zero_point=0, dtype=dtype)
            rows = hidden.all(axis=0)[:, key]
            np.testing.assert_array_equal(before[:, rows], after[:, rows])
            assert rows.all() or np.any(before[:, ~rows] != after[:, ~rows])


def test_a_row_that_sees_nothing_is_zero() -> None:
    """As torch's scaled_dot_product_attention has it; so is a query beyond the window of the last key."""
    x, scales = normal_operands(("int8", "int8", "int8"), 6, 3.0)
    bias = np.zeros((1, 6, 6))
    bias[:, 2] = -np.inf
    p = attention_parameters(*scales, scales[2], width=WIDTH, keys=6, scale=1.0, bias=bias)
    y = attention(*x, **asdict(EVERYTHING), **constants(p), zero_point=7, dtype="int8")
    assert (y[:, 2] == 7).all()
    assert (y[:, [0, 1, 3, 4, 5]] != 7).any()
    short = (x[0], x[1][:, :2], x[2][:, :2])
    p = attention_parameters(*scales, scales[2], width=WIDTH, keys=2, scale=1.0)
    y = attention(*short, causal=True, window=2, offset=0, **constants(p), zero_point=7, dtype="int8")
    assert (y[:, 3:] == 7).all()
    assert (y[:, 2] != 7).any()


def test_one_key_returns_its_value() -> None:
    """A row that sees one key is that key's value, to the step, whatever the score."""
    x, scales = normal_operands(("int8", "int8", "int8"), 1, 20.0)
    y = scales[2]
    p = attention_parameters(*scales, y, width=WIDTH, keys=1, scale=1.0)
    np.testing.assert_array_equal(x[2], attention(*x, **asdict(CAUSAL), **constants(p), zero_point=0, dtype="int8"))


def test_heads_that_share_keys_equal_copies_of_them() -> None:
    """Heads in a row share a key: the bytes are those of keys and values repeated for each."""
    x, scales = normal_operands(("int8", "int8", "int16"), 12, 3.0)
    p = attention_parameters(*scales, scales[2], width=WIDTH, keys=12, scale=1.0)
    q = np.concatenate([x[0], x[0] + 1, x[0] - 1], axis=2).clip(-127, 127)  # 6 heads, 2 groups
    copies = (np.repeat(values, 3, axis=2) for values in x[1:])
    arguments = {**asdict(CAUSAL), **constants(p), "zero_point": 0, "dtype": "int16"}
    np.testing.assert_array_equal(attention(q, *copies, **arguments), attention(q, *x[1:], **arguments))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": QParams(dtype="int8", scale=0.1, zero_point=1)}, "attention needs symmetric q, k and v"),
        ({"scale": 0.0}, "attention: scale must be positive, got 0"),
        ({"scale": 1e12}, r"attention: score scale .* is outside"),
        ({"y": QParams(dtype="int8", scale=1e12)}, r"scale 1e\+12 of the output and 0.1 of v differ too much"),
        ({"y": QParams(dtype="int8", scale=1e-20)}, "scale 1e-20 of the output and 0.1 of v differ too much"),
    ],
)
def test_attention_refuses_what_it_cannot_hold(change: dict[str, object], message: str) -> None:
    """Zero points, scales without meaning and shifts beyond 62 bits are errors that name the cause."""
    p = QParams(dtype="int8", scale=0.1)
    arguments = {"q": p, "k": p, "v": p, "y": p, "width": 8, "keys": 20, "scale": 0.5} | change
    with pytest.raises(GraphError, match=message):
        attention_parameters(**arguments)
