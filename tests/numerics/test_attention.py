"""Integer attention against float64: ordinary, peaked, flat and hostile rows, one key to 512."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, tensors

from smidgen.errors import GraphError
from smidgen.numerics.attention import attention, attention_parameters
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams

Integers = NDArray[np.int64]
Operands = tuple[Integers, Integers, Integers]
Scales = tuple[QParams, QParams, QParams]

HEADS, WIDTH = 2, 8


def symmetric(dtype: str, peak: float) -> QParams:
    """Return symmetric parameters that reach `peak`."""
    return QParams(dtype=dtype, scale=peak / integer_range(dtype)[1])


def worst_error(x: Operands, scales: Scales, y: QParams, *, causal: bool) -> float:
    """Return the largest distance from float64 in steps of y."""
    q, k, v = (qparams.dequantize(values) for qparams, values in zip(scales, x, strict=True))
    width, steps = q.shape[-1], k.shape[1]
    scores = np.einsum("bihd,bjhd->bhij", q, k) * width**-0.5
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -np.inf)
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    exact = np.einsum("bhij,bjhd->bihd", p / p.sum(axis=-1, keepdims=True), v) / y.scale + y.zero_point
    parameters = attention_parameters(*scales, y, width=width, steps=steps, scale=width**-0.5)
    found = attention(*x, causal=causal, **asdict(parameters), zero_point=y.zero_point, dtype=y.dtype)
    return float(np.abs(found - np.clip(exact, *integer_range(y.dtype))).max())


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
@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_usual_activations_is_rounded_once(
    steps: int, peak: float, q_type: str, v_type: str, y_type: str, bound: float, causal: bool
) -> None:
    """On projected activations, flat to fully peaked, 1 to 512 keys: 0.52 steps of int8, 2 of int16."""
    x, scales = normal_operands((q_type, q_type, v_type), steps, peak)
    y = symmetric(y_type, 2.0)
    assert worst_error(x, scales, y, causal=causal) <= bound


@given(
    data=st.data(), q_type=activation_types, v_type=activation_types, y_type=activation_types,
    queries=st.integers(1, 5), keys=st.integers(1, 40), peak=st.floats(0.1, 30.0),
)  # fmt: skip
def test_attention_is_within_its_bound_on_any_row(
    data: st.DataObject, q_type: str, v_type: str, y_type: str, queries: int, keys: int, peak: float
) -> None:
    """T rounded numerators may move T 2^-16 of the range of v; rounding of score and result do the rest."""
    x = (
        data.draw(tensors(q_type, 1, queries, HEADS, WIDTH)),
        data.draw(tensors(q_type, 1, keys, HEADS, WIDTH)),
        data.draw(tensors(v_type, 1, keys, HEADS, WIDTH)),
    )
    scales = symmetric(q_type, peak), symmetric(q_type, peak), symmetric(v_type, 1.0)
    y = symmetric(y_type, 1.0)
    span = 2 * integer_range(y_type)[1] + 2
    assert worst_error(x, scales, y, causal=False) <= 0.51 + span * (keys * 2.0**-16 + 2.0**-14)


def test_many_keys_just_too_weak_are_the_worst_case() -> None:
    """511 keys whose numerators round to 0 or 1 against one peak: the bound is met, and nearly reached."""
    scales = symmetric("int16", 30.0), symmetric("int16", 30.0), symmetric("int8", 1.0)
    k = np.zeros((1, 512, 1, 1))
    k[0, 1:, 0, 0] = -np.log(65536.0 * 1.02)  # a numerator just below half a step
    v = np.full((1, 512, 1, 1), 127)
    v[0, 0] = -127
    x = scales[0].quantize(np.ones((1, 1, 1, 1))), scales[1].quantize(k), v
    error = worst_error(x, scales, symmetric("int8", 1.0), causal=False)
    assert 1.0 < error <= 0.51 + 256 * (512 * 2.0**-16 + 2.0**-14)


def test_one_key_returns_its_value() -> None:
    """A row that sees one key is that key's value, to the step, whatever the score."""
    x, scales = normal_operands(("int8", "int8", "int8"), 1, 20.0)
    y = scales[2]
    p = attention_parameters(*scales, y, width=WIDTH, steps=1, scale=1.0)
    np.testing.assert_array_equal(x[2], attention(*x, causal=True, **asdict(p), zero_point=0, dtype="int8"))


def test_no_row_looks_ahead() -> None:
    """Under causal, keys and values after a query change nothing before them."""
    x, scales = normal_operands(("int8", "int8", "int8"), 20, 3.0)
    p = attention_parameters(*scales, scales[2], width=WIDTH, steps=20, scale=1.0)
    before = attention(*x, causal=True, **asdict(p), zero_point=0, dtype="int8")
    x[1][:, 12:], x[2][:, 12:] = -x[1][:, 12:], -x[2][:, 12:]
    after = attention(*x, causal=True, **asdict(p), zero_point=0, dtype="int8")
    np.testing.assert_array_equal(before[:, :12], after[:, :12])
    assert np.any(before[:, 12:] != after[:, 12:])


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
    arguments = {"q": p, "k": p, "v": p, "y": p, "width": 8, "steps": 20, "scale": 0.5} | change
    with pytest.raises(GraphError, match=message):
        attention_parameters(**arguments)
