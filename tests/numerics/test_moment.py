"""Second moments in integers against float64: variances, deviations, lengths."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.moment import moment_parameters, second_moment
from smidgen.numerics.quantization import QParams


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, width=st.integers(2, 70), centred=st.booleans(),
    root=st.booleans(),
)  # fmt: skip
def test_moments_are_within_their_bound(
    data: st.DataObject, x_type: str, y_type: str, width: int, centred: bool, root: bool
) -> None:
    """Half a step, 2^-25 of the value, and what the rounding of the mean adds: half a unit of a deviation."""
    x = data.draw(qparams(x_type, low=-14.0, high=0.0))
    rows = data.draw(tensors(x_type, 20, width))
    real = x.dequantize(rows)
    real = real - real.mean(axis=-1, keepdims=True) if centred else real
    power = (real**2).sum(axis=-1) / (width - 1)
    moment = np.sqrt(power) if root else power
    y = QParams(dtype=y_type, scale=max(moment.max(), x.scale**2) / integer_range(y_type)[1])
    p = moment_parameters(x, y, width, divisor=width - 1, centred=centred, root=root)
    found = second_moment(rows, root=root, **asdict(p), zero_points=(x.zero_point, 0), dtype=y_type)
    unit = x.scale * 2.0 ** -(p.fraction_bits + 1) if centred else 0.0
    of_mean = unit * 2 if root else 4 * unit * np.sqrt(power) + width * unit**2
    exact = np.clip(moment / y.scale, *integer_range(y_type))
    assert np.all(np.abs(found - exact) <= 0.5 + exact * 2.0**-25 + of_mean / y.scale + 1e-6)


def test_a_constant_row_has_no_variance() -> None:
    """However large the constant; and a row of zeros has no length."""
    x, y = QParams(dtype="int16", scale=1e-3), QParams(dtype="int16", scale=1e-4)
    for width in range(1, 100):
        rows = np.repeat(np.array([[-32767], [0], [32767]]), width, axis=1)
        for root in (False, True):
            p = moment_parameters(x, y, width, divisor=width, centred=True, root=root)
            assert not second_moment(rows, root=root, **asdict(p), zero_points=(0, 0), dtype="int16").any()
        p = moment_parameters(x, y, width, divisor=1, centred=False, root=True)
        assert second_moment(rows, root=True, **asdict(p), zero_points=(0, 0), dtype="int16")[1] == 0


def test_scales_that_do_not_fit_are_refused() -> None:
    """A power of 10^12 in steps of 10^-30."""
    x, y = QParams(dtype="int8", scale=1e6), QParams(dtype="int8", scale=1e-30)
    with pytest.raises(GraphError, match=r"second moment: scale 1e-30 of the output and 1e\+06 of the input differ"):
        moment_parameters(x, y, 4, divisor=1, centred=False, root=False)
