"""The integer GRU against float64."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.gru import GATE, HIDDEN, SIGMOID_TABLE, TANH_TABLE, GruParameters, gru, gru_parameters
from smidgen.numerics.quantization import QParams
from smidgen.numerics.tables import table_lookup

Floats = NDArray[np.float64]

PROJECTED = QParams(dtype="int16", scale=16.0 / 32767)


def reference(projected: Floats, weight: Floats, bias: Floats) -> Floats:
    """Return the hidden states (b, t, h) of PyTorch's GRU in float64 for projected inputs (b, t, 3h)."""
    width = weight.shape[1]
    h = np.zeros((len(projected), width))
    states = []
    for row in np.moveaxis(projected, 1, 0):
        recurrent = h @ weight.T + bias
        reset, update = np.split(1 / (1 + np.exp(-(row + recurrent)[:, : 2 * width])), 2, axis=1)
        candidate = np.tanh(row[:, 2 * width :] + reset * recurrent[:, 2 * width :])
        h = update * h + (1 - update) * candidate
        states.append(h)
    return np.stack(states, axis=1)


def arguments(p: GruParameters) -> dict[str, Any]:
    """Return the parameters as arguments of `gru`."""
    given = {f.name: getattr(p, f.name) for f in fields(p) if f.name != "accumulator_bound"}
    return given | {"sigmoid": SIGMOID_TABLE, "tanh": TANH_TABLE}


@pytest.mark.parametrize("steps", [20, 500])
@pytest.mark.parametrize("strength", [0.5, 1.0, 2.0])
def test_the_gru_keeps_70_db(steps: int, strength: float) -> None:
    """At least 70 dB (50 are asked for) against float64 on the same integer inputs and weights,."""
    width = 24
    random = np.random.default_rng(steps)
    weight, scale = random.integers(-127, 128, (3 * width, width)), np.full(3 * width, strength / width**0.5 / 64)
    bias = random.normal(size=3 * width) * 0.1
    projected = PROJECTED.quantize(random.normal(size=(4, steps, 3 * width)) * strength)
    p = gru_parameters(weight, scale, bias, PROJECTED, "gru")
    found = HIDDEN.dequantize(gru(projected, weight, **arguments(p)))
    exact = reference(PROJECTED.dequantize(projected), weight * scale[:, None], bias)
    assert 10 * np.log10((exact**2).sum() / ((found - exact) ** 2).sum()) >= 70.0
    last = slice(-steps // 4, None)
    assert 10 * np.log10((exact[:, last] ** 2).sum() / ((found - exact)[:, last] ** 2).sum()) >= 70.0


def test_gate_tables_are_within_their_bound() -> None:
    """Sigmoid is within 2 steps of Q15 and tanh within 4.2; at +-8, where gate sums saturate, sigmoid lacks 11 of 1."""
    sums = np.arange(-32767, 32768)
    real = GATE.dequantize(sums)
    assert np.abs(table_lookup(sums, SIGMOID_TABLE, "int16") - 2**15 / (1 + np.exp(-real))).max() <= 2.0
    assert np.abs(table_lookup(sums, TANH_TABLE, "int16") - 2**15 * np.tanh(real)).max() <= 4.2
    assert 2**15 - table_lookup(np.array([32767]), SIGMOID_TABLE, "int16")[0] == 11


def test_extreme_gates_saturate() -> None:
    """Inputs and weights at their ends saturate the gates: the state stays in (-1, 1) and keeps its sign."""
    width = 8
    weight, scale = np.full((3 * width, width), 127), np.full(3 * width, 1.0)
    p = gru_parameters(weight, scale, np.zeros(3 * width), PROJECTED, "gru")
    for end in (-32767, 32767):
        found = gru(np.full((1, 50, 3 * width), end), weight, **arguments(p))
        assert np.all(np.sign(found[:, 1:]) == np.sign(end))
        assert np.abs(found).max() <= 32767


def test_a_wide_gru_that_may_overflow_is_refused() -> None:
    """517 hidden units under weights of 127 exceed 31 bits."""
    with pytest.raises(GraphError, match="gru: the accumulator can reach"):
        gru_parameters(np.full((3, 517), 127), np.ones(3), np.zeros(3), PROJECTED, "gru")
