"""Integer softmax and log-softmax against float64: every scale, peaked and flat rows, two elements to thousands."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics import float32
from smidgen.numerics.quantization import QParams
from smidgen.numerics.softmax import log_softmax, log_softmax_parameters, softmax, softmax_parameters

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

PROBABILITY = {
    "int8": QParams(dtype="int8", scale=1 / 256, zero_point=-128),
    "int16": QParams(dtype="int16", scale=1 / 32767),
}
ROWS = (3, 2)  # leading axes


def exact_softmax(x: Floats, seen: NDArray[np.bool_]) -> Floats:
    """Return the softmax of each row over what is seen, 0 elsewhere and where nothing is."""
    shown = np.where(seen, x, -np.inf)
    peak = np.where(seen.any(-1, keepdims=True), shown.max(-1, keepdims=True), 0.0)
    weights = np.exp(shown - peak)
    total = weights.sum(-1, keepdims=True)
    return np.where(total > 0, weights / np.where(total > 0, total, 1.0), 0.0)


def integer_softmax(x: QParams, q: Integers, y: QParams, seen: Integers | None = None) -> Integers:
    """Return what the kernel gives."""
    p = asdict(softmax_parameters(x, y))
    return softmax(q, **p, zero_point=y.zero_point, x_dtype=x.dtype, dtype=y.dtype, seen=seen)


@given(data=st.data(), dtype=activation_types, y_type=activation_types, width=st.sampled_from([1, 2, 5, 33, 400, 3000]))
def test_softmax_is_within_a_step(data: st.DataObject, dtype: str, y_type: str, width: int) -> None:
    """Half a step of 1/256 in int8, or of 1/32767 in int16, and little more: scales of the input from 2^-14 to 2^8."""
    x = data.draw(qparams(dtype, low=-14.0, high=8.0))
    q, y = data.draw(tensors(dtype, *ROWS, width)), PROBABILITY[y_type]
    exact = exact_softmax(x.dequantize(q), np.ones(q.shape, bool)) / y.scale + y.zero_point
    exact = np.minimum(exact, 127 if y_type == "int8" else 32767)
    bound = 0.5 + 1e-3 if y_type == "int8" else 0.5 + 0.02
    assert np.abs(integer_softmax(x, q, y) - exact).max() <= bound


@given(data=st.data(), dtype=activation_types, width=st.integers(1, 20), share=st.sampled_from([0.0, 0.3, 0.9]))
def test_what_is_not_seen_counts_nothing(data: st.DataObject, dtype: str, width: int, share: float) -> None:
    """Hidden elements are 0 and leave no trace in the others, however large they are."""
    x, q, y = data.draw(qparams(dtype, high=2.0)), data.draw(tensors(dtype, *ROWS, width)), PROBABILITY["int16"]
    seen = (np.random.default_rng(0).random((ROWS[1], width)) < share).astype(np.int64)
    found = integer_softmax(x, q, y, seen)
    shown = np.broadcast_to(seen != 0, q.shape)
    assert np.abs(found - exact_softmax(x.dequantize(q), shown) / y.scale).max() <= 1.0
    assert not found[~shown].any()
    other = np.where(shown, q, 127)
    np.testing.assert_array_equal(found, integer_softmax(x, other, y, seen))


def test_a_row_of_which_nothing_is_seen_is_zero() -> None:
    """In integers the zero point, in float32 0: no division by zero."""
    q, nothing = np.array([[5, -3, 2]]), np.zeros((1, 3), np.int64)
    y = PROBABILITY["int8"]
    assert integer_softmax(QParams(dtype="int8", scale=0.1), q, y, nothing).tolist() == [[-128] * 3]
    found = float32.softmax(q.astype(np.float32), seen=nothing.astype(np.float32))
    assert found.tolist() == [[0.0] * 3]


@given(data=st.data(), dtype=activation_types, y_type=activation_types, width=st.sampled_from([1, 2, 7, 500]))
def test_log_softmax_is_within_a_step(data: st.DataObject, dtype: str, y_type: str, width: int) -> None:
    """Half a step of an output that just holds what there is, a twentieth more, and 2^-21 of the real value."""
    x = data.draw(qparams(dtype, low=-14.0, high=8.0))
    q = data.draw(tensors(dtype, *ROWS, width))
    real = x.dequantize(q)
    below = real - real.max(-1, keepdims=True)
    exact = below - np.log(np.exp(below).sum(-1, keepdims=True))
    lowest = min(float(exact.min()), -1e-3)
    y = QParams(
        dtype=y_type, scale=-lowest / (255 if y_type == "int8" else 32767), zero_point=127 if y_type == "int8" else 0
    )
    p = asdict(log_softmax_parameters(x, y))
    found = log_softmax(q, **p, zero_point=y.zero_point, dtype=y.dtype)
    assert np.abs(found - (exact / y.scale + y.zero_point)).max() <= 0.55 + 2.0**-21 / y.scale


@pytest.mark.parametrize("scale", [2.0**-63, 2.0**32])
def test_scales_that_no_shift_can_express_are_refused(scale: float) -> None:
    """A probability in steps of 2^-63, or of 2^32, is no probability."""
    x = QParams(dtype="int8", scale=0.1)
    with pytest.raises(GraphError, match=r"scale .* of the output is outside"):
        softmax_parameters(x, QParams(dtype="int16", scale=scale))


def test_a_logarithm_too_fine_for_its_operand_is_refused() -> None:
    """Steps of 2^-60."""
    with pytest.raises(GraphError, match="too fine"):
        log_softmax_parameters(QParams(dtype="int8", scale=16.0), QParams(dtype="int16", scale=2.0**-60))


@given(data=st.data(), width=st.integers(1, 40), scale=st.sampled_from([1e-3, 1.0, 30.0]))
def test_float_softmax_is_that_of_float64(data: st.DataObject, width: int, scale: float) -> None:
    """Within 1e-6 of float64, logarithms within 1e-5 relative to the largest logit; rows sum to 1."""
    random = np.random.default_rng(data.draw(st.integers(0, 999)))
    x = (random.normal(size=(4, width)) * scale).astype(np.float32)
    exact = exact_softmax(x.astype(np.float64), np.ones(x.shape, bool))
    assert np.abs(float32.softmax(x) - exact).max() <= 1e-6
    below = x.astype(np.float64) - x.max(-1, keepdims=True)
    logarithm = below - np.log(np.exp(below).sum(-1, keepdims=True))
    assert np.abs(float32.log_softmax(x) - logarithm).max() <= 1e-5 * max(1.0, float(np.abs(below).max()))
