"""RMSNorm and LayerNorm against float64."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics import float32


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 100), log_scale=st.integers(-3, 6), offset=st.floats(-3, 3))
def test_norms_equal_their_definition(seed: int, width: int, log_scale: int, offset: float) -> None:
    """Both are within 1e-5 of the definition in float64, for rows of any scale with a mean up to 3 deviations away."""
    random = np.random.default_rng(seed)
    x = ((random.normal(size=(4, width)) + offset) * 10.0**log_scale).astype(np.float32)
    gain, bias = random.normal(size=(2, width)).astype(np.float32)
    eps = 1e-5
    rows = x.astype(np.float64)
    root_mean_square = rows / np.sqrt(np.mean(rows**2, axis=1, keepdims=True) + eps) * gain
    np.testing.assert_allclose(float32.rms_norm(x, gain, eps=eps), root_mean_square, rtol=1e-5, atol=1e-6)
    deviation = rows - rows.mean(axis=1, keepdims=True)
    layer = deviation / np.sqrt(np.mean(deviation**2, axis=1, keepdims=True) + eps) * gain + bias
    # Beyond the definition: x - mean can only be as exact as x itself, which matters where it is small beside eps.
    rounding = 8 * 2.0**-24 * np.abs(x).max() / np.sqrt(np.mean(deviation**2, axis=1, keepdims=True) + eps)
    assert np.all(
        np.abs(float32.layer_norm(x, gain, bias, eps=eps) - layer) <= 1e-5 * (1 + np.abs(layer)) + 4 * rounding
    )


def test_a_constant_row_has_no_deviation() -> None:
    """Rows of one value, at a width where the mean is exact, give 0 and the bias."""
    x, ones, bias = np.full((1, 16), 7.0, np.float32), np.ones(16, np.float32), np.full(16, 0.25, np.float32)
    np.testing.assert_array_equal(np.full((1, 16), 0.25), float32.layer_norm(x, ones, bias, eps=1e-5))
    np.testing.assert_array_equal(np.zeros((1, 16)), float32.rms_norm(x * 0, ones, eps=1e-5))
