"""tanh and sigmoid of gate sums against float64 over their whole range, and against C."""

import numpy as np
from integer_functions import in_c

from smidgen.numerics.gates import GATE_ONE, SUM_LIMIT, sigmoid_gate, tanh_gate

SUMS = np.concatenate([
    np.arange(-SUM_LIMIT - 3000, SUM_LIMIT + 3000, 7), np.arange(-5000, 5000), [-(2**62), 2**62, -SUM_LIMIT, SUM_LIMIT]
])  # fmt: skip


def test_gates_are_within_their_bounds() -> None:
    """tanh is within 1.1 steps of Q15 and sigmoid within 0.85, over every sum; beyond +-8 and +-16 they are flat."""
    real = SUMS.astype(np.float64)
    assert np.abs(tanh_gate(SUMS) - 2**15 * np.tanh(real / 2**16)).max() <= 1.1
    with np.errstate(over="ignore"):
        assert np.abs(sigmoid_gate(SUMS) - 2**15 / (1 + np.exp(-real / 2**15))).max() <= 0.85


def test_gates_reach_both_ends() -> None:
    """A saturated gate is exactly 0 or 1, so that a state can be kept for ever or dropped; tanh lacks a step."""
    ends = np.array([-(2**40), 2**40])
    np.testing.assert_array_equal([0, GATE_ONE], sigmoid_gate(ends))
    np.testing.assert_array_equal([1 - GATE_ONE, GATE_ONE], tanh_gate(ends))


def test_gates_are_monotone() -> None:
    """A larger sum never gives less."""
    ordered = np.sort(SUMS)
    assert np.all(np.diff(tanh_gate(ordered)) >= 0)
    assert np.all(np.diff(sigmoid_gate(ordered)) >= 0)


def test_gates_equal_c() -> None:
    """Both functions, over every sum and far beyond."""
    np.testing.assert_array_equal(tanh_gate(SUMS), in_c("tanh_gate", SUMS))
    np.testing.assert_array_equal(sigmoid_gate(SUMS), in_c("sigmoid_gate", SUMS))
