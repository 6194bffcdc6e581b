"""Selective scan and GRU against float64, one step after the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smidgen.numerics import float32


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 40), channels=st.integers(1, 6), states=st.integers(1, 6))
def test_selective_scan_equals_its_definition(seed: int, steps: int, channels: int, states: int) -> None:
    """h = exp(delta A) h + delta u B and y = C h + D u within 1e-5 of float64, from fast to slow decay."""
    random = np.random.default_rng(seed)
    u = random.normal(size=(2, steps, channels)).astype(np.float32)
    delta = np.exp(random.uniform(-7, 1, size=(2, steps, channels))).astype(np.float32)
    B, C = random.normal(size=(2, 2, steps, states)).astype(np.float32)
    A = -np.exp(random.uniform(-2, 3, size=(channels, states))).astype(np.float32)
    D = random.normal(size=channels).astype(np.float32)
    h = np.zeros((2, channels, states))
    expected = np.zeros((2, steps, channels))
    for t in range(steps):
        drive = (delta[:, t].astype(np.float64) * u[:, t])[..., None] * B[:, t, None, :]
        h = np.exp(delta[:, t, :, None].astype(np.float64) * A) * h + drive
        expected[:, t] = (h * C[:, t, None, :]).sum(axis=-1) + D * u[:, t]
    actual = float32.selective_scan(u, delta, B, C, A, D)
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_a_long_scan_forgets() -> None:
    """A state that decays for 1000 steps passes through subnormals to 0, and not to a NaN."""
    u = np.zeros((1, 1000, 1), np.float32)
    u[0, 0] = 1.0
    ones = np.ones((1, 1000, 1), np.float32)
    y = float32.selective_scan(u, ones, ones, ones, np.array([[-1.0]], np.float32), np.zeros(1, np.float32))
    assert 0 < y[0, 95, 0] < np.finfo(np.float32).tiny
    assert y[0, 999, 0] == 0


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 30), width=st.integers(1, 8))
def test_gru_equals_its_definition(seed: int, steps: int, width: int) -> None:
    """The GRU within 1e-5 of float64, with gates in PyTorch's order and b_hn inside the reset product."""
    random = np.random.default_rng(seed)
    projected = random.normal(size=(2, steps, 3 * width)).astype(np.float32)
    weight = random.normal(size=(3 * width, width)).astype(np.float32) / np.float32(np.sqrt(width))
    bias = random.normal(size=3 * width).astype(np.float32)
    h = np.zeros((2, width))
    expected = np.zeros((2, steps, width))
    for t in range(steps):
        reset_in, update_in, candidate_in = np.split(projected[:, t].astype(np.float64), 3, axis=1)
        reset_h, update_h, candidate_h = np.split(h @ weight.T.astype(np.float64) + bias, 3, axis=1)
        update = sigmoid(update_in + update_h)
        candidate = np.tanh(candidate_in + sigmoid(reset_in + reset_h) * candidate_h)
        h = (1.0 - update) * candidate + update * h
        expected[:, t] = h
    np.testing.assert_allclose(float32.gru(projected, weight, bias), expected, rtol=1e-5, atol=1e-5)
