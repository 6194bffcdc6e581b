"""Integer attention without a softmax against float64: any decay, hundreds of steps, steps equal to windows."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, tensors

from smidgen.errors import GraphError
from smidgen.numerics import float32
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.linear_attention import LinearAttentionParameters, linear_attention, linear_attention_parameters
from smidgen.numerics.quantization import QParams

Floats = NDArray[np.float64]
HEADS, WIDTH, VALUES = 2, 5, 3
DECAYS = [None, np.array([0.97, 0.75]), np.array([0.999, 0.0])]


def symmetric(dtype: str, peak: float) -> QParams:
    """Return symmetric parameters that reach `peak`."""
    return QParams(dtype=dtype, scale=peak / integer_range(dtype)[1])


def constants(p: LinearAttentionParameters) -> dict[str, Any]:
    """Return parameters as keyword arguments."""
    return {f.name: getattr(p, f.name) for f in fields(p)}


def exact(q: Floats, k: Floats, v: Floats, decay: Floats | None, scale: float) -> Floats:
    """Return the parallel form in float64."""
    steps = np.arange(q.shape[1])
    distance = steps[:, None] - steps
    weights = np.ones((HEADS, 1, 1)) if decay is None else decay[:, None, None] ** np.maximum(distance, 0)
    scores = np.einsum("bihd,bjhd->bhij", q, k) * np.where(distance >= 0, weights, 0.0)
    return np.einsum("bhij,bjhe->bihe", scores, v) * scale


def operands(dtype: str, steps: int) -> tuple[list[NDArray[np.int64]], QParams]:
    """Return q, k and v as after a projection, and their scale."""
    random = np.random.default_rng(steps)
    p = symmetric(dtype, 6.0)
    return [p.quantize(random.normal(size=(1, steps, HEADS, n))) for n in (WIDTH, WIDTH, VALUES)], p


@pytest.mark.parametrize("steps", [1, 20, 512])
@pytest.mark.parametrize("decay", DECAYS, ids=["no decay", "decays", "slow and at once"])
@pytest.mark.parametrize(
    ("dtype", "y_type", "bound"), [("int8", "int8", 0.51), ("int8", "int16", 0.8), ("int16", "int16", 0.8)]
)
def test_results_are_rounded_once(steps: int, decay: Floats | None, dtype: str, y_type: str, bound: float) -> None:
    """On projected activations, 1 to 512 steps: 0.51 steps of int8, 0.8 of int16."""
    x, p = operands(dtype, steps)
    real = exact(*(p.dequantize(values) for values in x), decay, 0.5)
    y = symmetric(y_type, 1.5 * np.abs(real).max())
    parameters = linear_attention_parameters(p, p, p, y, width=WIDTH, steps=steps, scale=0.5, decay=decay)
    found = linear_attention(*x, **constants(parameters), zero_point=0, dtype=y_type)
    assert np.abs(found - real / y.scale).max() <= bound


@given(
    data=st.data(), q_type=activation_types, k_type=activation_types, v_type=activation_types, steps=st.integers(1, 40),
    decay=st.none() | st.floats(0.0, 0.9999),
)  # fmt: skip
def test_the_state_stays_within_30_bits(
    data: st.DataObject, q_type: str, k_type: str, v_type: str, steps: int, decay: float | None
) -> None:
    """Whatever the integers, all at their ends included; the result is the float's to what the ends leave of it."""
    x = [
        data.draw(tensors(dtype, 1, steps, HEADS, width))
        for dtype, width in ((q_type, WIDTH), (k_type, WIDTH), (v_type, VALUES))
    ]
    q, k, v = (symmetric(dtype, 1.0) for dtype in (q_type, k_type, v_type))
    decays = None if decay is None else np.full(HEADS, decay)
    y = symmetric("int16", WIDTH * steps)
    p = linear_attention_parameters(q, k, v, y, width=WIDTH, steps=steps, scale=1.0, decay=decays)
    state = np.zeros((1, HEADS, VALUES, WIDTH), np.int64)
    found = linear_attention(*x, **constants(p), zero_point=0, dtype="int16", carried=state)
    assert np.abs(state).max() < 2**30
    real = exact(*(s.dequantize(values) for s, values in zip((q, k, v), x, strict=True)), decays, 1.0)
    assert np.abs(found - np.clip(real / y.scale, -32767, 32767)).max() <= 1.0


def test_a_state_goes_on_where_the_part_before_left_it() -> None:
    """Steps one by one from a carried state are the bytes of the window, in both arithmetics."""
    x, p = operands("int8", 12)
    y = symmetric("int16", 60.0)
    parameters = constants(
        linear_attention_parameters(p, p, p, y, width=WIDTH, steps=12, scale=1.0, decay=np.array([0.9, 0.5]))
    )
    whole = linear_attention(*x, **parameters, zero_point=0, dtype="int16")
    state = np.zeros((1, HEADS, VALUES, WIDTH), np.int64)
    steps = [
        linear_attention(*(z[:, t : t + 1] for z in x), **parameters, zero_point=0, dtype="int16", carried=state)
        for t in range(12)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(steps, axis=1))
    real = [p.dequantize(z).astype(np.float32) for z in x]
    decay = np.array([0.9, 0.5], np.float32)
    whole = float32.linear_attention(*real, scale=0.5, decay=decay)
    carried = np.zeros((1, HEADS, VALUES, WIDTH), np.float32)
    parts = [
        float32.linear_attention(*(z[:, t : t + 1] for z in real), scale=0.5, decay=decay, carried=carried)
        for t in range(12)
    ]
    np.testing.assert_array_equal(whole, np.concatenate(parts, axis=1))


@pytest.mark.parametrize("decay", DECAYS, ids=["no decay", "decays", "slow and at once"])
def test_float32_is_its_definition(decay: Floats | None) -> None:
    """Within 1e-5 of the parallel form in float64."""
    random = np.random.default_rng(2)
    real = [random.normal(size=(2, 30, HEADS, n)) for n in (WIDTH, WIDTH, VALUES)]
    expected = exact(*real, decay, 0.5)
    stored = None if decay is None else decay.astype(np.float32)
    found = float32.linear_attention(*(z.astype(np.float32) for z in real), scale=0.5, decay=stored)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": QParams(dtype="int8", scale=0.1, zero_point=1)}, "linear attention needs symmetric q, k and v"),
        ({"scale": 0.0}, "linear attention: scale must be positive, got 0"),
        ({"y": QParams(dtype="int8", scale=1e30)}, r"scale 1e\+30 of the output does not fit that of q, k and v"),
        ({"y": QParams(dtype="int8", scale=1e-20)}, "scale 1e-20 of the output does not fit"),
    ],
)
def test_what_cannot_be_held_is_refused(change: dict[str, object], message: str) -> None:
    """Zero points and scales without meaning are errors that name the cause."""
    p = QParams(dtype="int8", scale=0.1)
    arguments = {"q": p, "k": p, "v": p, "y": p, "width": 8, "steps": 20, "scale": 0.5} | change
    with pytest.raises(GraphError, match=message):
        linear_attention_parameters(**arguments)
