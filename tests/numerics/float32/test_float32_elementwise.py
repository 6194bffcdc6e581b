"""What the element-wise operators mean; their kernels are tied to them elsewhere."""

import numpy as np
import pytest

from smidgen.numerics import float32

X = np.array([-2.0, -0.0, 0.0, 0.5, 3.0], np.float32)


@pytest.mark.parametrize(
    ("name", "scalars", "expected"),
    [
        ("relu", {}, [0, 0, 0, 0.5, 3]),
        ("neg", {}, [2, 0, 0, -0.5, -3]),
        ("abs", {}, [2, 0, 0, 0.5, 3]),
        ("logical_not", {}, [0, 1, 1, 0, 0]),
        ("clamp", {"low": -1.0, "high": 1.0}, [-1, 0, 0, 0.5, 1]),
        ("clamp", {"low": float("-inf"), "high": 0.25}, [-2, 0, 0, 0.25, 0.25]),
        ("add_scalar", {"scalar": 1.0}, [-1, 1, 1, 1.5, 4]),
        ("mul_scalar", {"scalar": -2.0}, [4, 0, 0, -1, -6]),
        ("eq_scalar", {"scalar": 0.0}, [0, 1, 1, 0, 0]),
        ("ne_scalar", {"scalar": 0.5}, [1, 1, 1, 0, 1]),
        ("lt_scalar", {"scalar": 0.5}, [1, 1, 1, 0, 0]),
        ("gt_scalar", {"scalar": 0.0}, [0, 0, 0, 1, 1]),
    ],
)
def test_pointwise(name: str, scalars: dict[str, float], expected: list[float]) -> None:
    """Each operator with its scalars gives the values its name says; both zeros compare equal."""
    np.testing.assert_array_equal(expected, float32.POINTWISE[name](X, **scalars))


def test_scalars_are_rounded_to_float32_before_use() -> None:
    """A comparison with 0.1 meets the float32 nearest to 0.1, as the C literal 0.1f does."""
    np.testing.assert_array_equal([1.0], float32.eq_scalar(np.array([0.1], np.float32), scalar=0.1))


def test_binary() -> None:
    """add, sub, mul and div do what they say, in the order of their operands."""
    a, b = np.array([3.0, 1.0], np.float32), np.array([2.0, -4.0], np.float32)
    expected = {
        "add": [5, -3],
        "sub": [1, 5],
        "mul": [6, -4],
        "div": [1.5, -0.25],
        "maximum": [3, 1],
        "minimum": [2, -4],
    }
    assert expected == {name: function(a, b).tolist() for name, function in float32.BINARY.items()}


def test_select() -> None:
    """Any condition but 0 takes the first branch; -0 is 0."""
    branches = np.ones(5, np.float32), np.full(5, 2.0, np.float32)
    np.testing.assert_array_equal([1, 2, 2, 1, 1], float32.select(X, *branches))
