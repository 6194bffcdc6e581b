"""The ground rules: one type throughout, overflow without a warning."""

import numpy as np
import pytest

from smidgen.errors import GraphError
from smidgen.numerics import float32


def test_other_types_are_refused_by_name() -> None:
    """An operand that numpy would widen silently is refused, with the function and the type in the message."""
    x = np.ones((2, 3), np.float32)
    with pytest.raises(GraphError, match="linear computes in float32, got an operand of float64; convert it"):
        float32.linear(x, np.ones((4, 3)), np.zeros(4, np.float32))
    with pytest.raises(GraphError, match="clamp computes in float32, got an operand of int8"):
        float32.clamp(x.astype(np.int8), low=0.0, high=1.0)


def test_results_stay_in_float32() -> None:
    """Python scalars do not widen a result, nor does a scalar beyond the range of float32."""
    x = np.ones(3, np.float32)
    for y in (
        float32.add_scalar(x, scalar=0.1),
        float32.mul_scalar(x, scalar=1e300),
        float32.rms_norm(x[None], x, eps=1e-5),
        float32.mean(x[None], axis=1),
    ):
        assert y.dtype == np.float32


def test_overflow_gives_infinity_quietly() -> None:
    """Finite operands whose result leaves the range give infinity as C does; a warning would fail this test."""
    huge = np.full(2, np.finfo(np.float32).max, np.float32)
    np.testing.assert_array_equal([np.inf, np.inf], float32.mul(huge, huge))
    np.testing.assert_array_equal([np.inf, np.inf], float32.exp(huge))
    np.testing.assert_array_equal(
        [np.inf, -np.inf], float32.div(np.array([1, -1], np.float32), np.zeros(2, np.float32))
    )
