import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.max_plus import LARGEST_SCORE, max_plus, max_plus_parameters
from smidgen.numerics.quantization import QParams


def drawn_scores(data: st.DataObject, out_width: int, in_width: int, reach: float) -> np.ndarray:
    """Return scores (o, i) of either sign."""
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    return generator.normal(0, reach, (out_width, in_width))


@given(data=st.data(), x_type=activation_types, y_type=activation_types, out_width=st.integers(1, 5))
def test_the_best_sum_is_exact_and_rounded_once(data: st.DataObject, x_type: str, y_type: str, out_width: int) -> None:
    """The largest of exact sums, multiplied by the ratio of scales, floor(... + 1/2), saturated: in rationals."""
    x_qparams, y_qparams = data.draw(qparams(x_type)), data.draw(qparams(y_type))
    scores = drawn_scores(data, out_width, 4, 100 * x_qparams.scale)
    try:
        p = max_plus_parameters(scores, x_qparams, y_qparams)
    except GraphError:
        return  # scales that do not go together are refused
    x = data.draw(tensors(x_type, 3, 4))
    zero_points = (x_qparams.zero_point, y_qparams.zero_point)
    found = max_plus(
        x, p.scores.astype(np.int64), zero_points=zero_points, multiplier=p.multiplier, shift=p.shift, dtype=y_type
    )
    low, high = integer_range(y_type)
    for row, column in np.ndindex(*found.shape):
        best = int(max(x[row].tolist()[i] + int(p.scores[column, i]) for i in range(4))) - zero_points[0]
        scaled = math.floor(Fraction(best * p.multiplier) * Fraction(2) ** (p.shift - 32) + Fraction(1, 2))
        scaled = max(-(2**30), min(2**30, scaled))
        assert found[row, column] == max(low, min(high, scaled + zero_points[1]))


@given(data=st.data(), x_type=activation_types)
def test_the_error_is_one_step_of_input_and_half_of_output(data: st.DataObject, x_type: str) -> None:
    """Against float64, over the whole range of x: scores round by half a step of x, the result by half of y's."""
    x_qparams = QParams(dtype=x_type, scale=0.01 if x_type == "int8" else 1e-4)
    scores = drawn_scores(data, 5, 6, 0.5)
    y_qparams = QParams(dtype="int16", scale=3e-4)
    p = max_plus_parameters(scores, x_qparams, y_qparams)
    x = data.draw(tensors(x_type, 4, 6))
    found = max_plus(
        x, p.scores.astype(np.int64), zero_points=(0, 0), multiplier=p.multiplier, shift=p.shift, dtype="int16"
    )
    exact = (x_qparams.scale * x[:, None, :] + scores).max(axis=-1)
    bound = 0.5 * x_qparams.scale + 0.5 * y_qparams.scale
    inside = np.abs(exact) < 32000 * y_qparams.scale
    error = np.abs(found * y_qparams.scale - exact)
    assert (error[inside] <= bound * (1 + 1e-6) + 1e-7 * np.abs(exact[inside])).all()


def test_scores_beyond_the_register_are_refused() -> None:
    """A score is at most 2^30 - 1 steps: a sum then stays in 32 bits, whatever x holds."""
    x = QParams(dtype="int16", scale=2.0**-20)
    max_plus_parameters(np.array([[LARGEST_SCORE * x.scale]]), x, x)
    with pytest.raises(GraphError, match=r"a score of 1024 is 1073741824 steps"):
        max_plus_parameters(np.array([[1024.0]]), x, x)
