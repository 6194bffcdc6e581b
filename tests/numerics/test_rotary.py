"""Integer rotation against float64: any angle, any channels, extremes; the tables' own error stated."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics import float32
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams
from smidgen.numerics.rotary import pair_channels, rotary, rotary_parameters

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def exact(x: Floats, cos: Floats, sin: Floats, interleaved: bool) -> Floats:
    """Return the pairs of x (.., w) as complex numbers, turned."""
    first, second = pair_channels(cos.shape[-1], interleaved)
    turned = (x[..., first] + 1j * x[..., second]) * (cos + 1j * sin)
    y = x.copy()
    y[..., first], y[..., second] = turned.real, turned.imag
    return y


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, seed=st.integers(0, 1000),
    pairs=st.integers(1, 4), passed=st.integers(0, 2), interleaved=st.booleans(), gain=st.sampled_from([0.2, 1.0, 3.0]),
)  # fmt: skip
def test_rotation_is_within_its_bound(
    data: st.DataObject, x_type: str, y_type: str, seed: int, pairs: int, passed: int, interleaved: bool, gain: float
) -> None:
    """Half a step of the result, and 2^-15 of the pair for each table: for any angle and gain, any integers."""
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, (5, 1, pairs))
    cos, sin = gain * np.cos(angles), gain * np.sin(angles)
    source = data.draw(qparams(x_type, low=-8.0, high=-8.0))
    x = data.draw(tensors(x_type, 1, 5, 2, 2 * pairs + passed))
    real = source.dequantize(x)
    reach = max(2.0 * gain, 1.0) * np.abs(real).max() + source.scale
    y = QParams(dtype=y_type, scale=reach / integer_range(y_type)[1])
    p = rotary_parameters(cos, sin, source, y)
    found = rotary(x, **asdict(p), interleaved=interleaved, zero_points=(source.zero_point, 0), dtype=y_type)
    steps = np.abs(found - exact(real, cos, sin, interleaved) / y.scale)
    tables = 2.0**-15 * max(gain, 1.0) * 2.0 * np.abs(real).max() / y.scale
    assert steps.max() <= 0.51 + 2.0 * tables


def test_a_rotation_keeps_80_db() -> None:
    """Angles of 512 steps, 16 bits: 80 dB."""
    random = np.random.default_rng(0)
    angles = np.outer(np.arange(512), 100.0 ** -np.linspace(0, 1, 4))[:, None]
    cos, sin = np.cos(angles), np.sin(angles)
    q = QParams(dtype="int16", scale=2.0**-13)
    x = q.quantize(random.normal(size=(1, 512, 2, 8)))
    p = rotary_parameters(cos, sin, q, q)
    found = q.dequantize(rotary(x, **asdict(p), interleaved=False, zero_points=(0, 0), dtype="int16"))
    real = exact(q.dequantize(x), cos, sin, False)
    assert 10 * np.log10((real**2).sum() / ((found - real) ** 2).sum()) >= 80.0


def test_float32_is_its_definition() -> None:
    """Within 1e-6 of float64; channels beyond the pairs stay to the bit."""
    random = np.random.default_rng(1)
    x = random.normal(size=(2, 5, 3, 7)).astype(np.float32)
    angles = random.uniform(-3.0, 3.0, (1, 5, 1, 3))
    cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    for interleaved in (False, True):
        found = float32.rotary(x, cos, sin, interleaved=interleaved)
        expected = exact(x.astype(np.float64), cos.astype(np.float64), sin.astype(np.float64), interleaved)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_array_equal(x[..., 6], found[..., 6])


def test_scales_too_far_apart_are_refused() -> None:
    """A ratio that no shift can express names itself."""
    with pytest.raises(GraphError, match="rotary: ratio of scales"):
        rotary_parameters(
            np.ones((1, 1, 1)), np.ones((1, 1, 1)), QParams(dtype="int8", scale=1e12), QParams(dtype="int8", scale=1e-9)
        )
