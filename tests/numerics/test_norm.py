"""RMSNorm and LayerNorm in integers against float64, on ordinary and on hostile rows."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import activation_types, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.norm import NormParameters, norm, norm_parameters
from smidgen.numerics.quantization import QParams

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def errors_in_steps(
    rows: Integers, p: NormParameters, gain: Floats, bias: Floats, eps: float, x: QParams, y: QParams
) -> tuple[Floats, Floats]:
    """Return by row the largest distance from float64 in steps of y, and what the mean's rounding may add to it."""
    found = norm(rows, **asdict(p), zero_point=x.zero_point, dtype=y.dtype)
    real = x.dequantize(rows)
    real = real - real.mean(axis=-1, keepdims=True) if p.mean_multiplier else real
    root = np.sqrt((real**2).mean(axis=-1, keepdims=True) + eps)
    exact = np.clip((real / root * gain + bias) / y.scale + y.zero_point, *integer_range(y.dtype))
    mean_rounding = x.scale * 2.0 ** -(p.fraction_bits + 1) if p.mean_multiplier else 0.0
    return np.abs(found - exact).max(axis=-1), mean_rounding * np.abs(gain).max() / root[..., 0] / y.scale


def hostile_rows(dtype: str, width: int, zero_point: int) -> Integers:
    """Constant rows, single outliers of one step and of full range, alternating ends, near-constant rows at an end."""
    low, high = integer_range(dtype)
    constant = np.repeat(np.array([low, high, zero_point, zero_point + 1])[:, None], width, axis=1)
    one_step = zero_point + np.eye(width, dtype=np.int64)
    one_end = np.where(np.eye(width, dtype=bool), high, zero_point)
    one_low = np.where(np.eye(width, dtype=bool), low, high)
    alternating = np.where(np.arange(width)[None] % 2 == 0, low, high)
    beside_end = high - np.eye(width, dtype=np.int64)
    rows = np.concatenate([constant, one_step, one_end, one_low, alternating, beside_end])
    return np.clip(rows, low, high)


@pytest.mark.parametrize("centred", [False, True], ids=["rms_norm", "layer_norm"])
@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, width=st.integers(1, 70),
    eps=st.sampled_from([1e-5, 1e-6, 1.1920929e-07]),
)  # fmt: skip
def test_norms_are_within_their_bound(
    centred: bool, data: st.DataObject, x_type: str, y_type: str, width: int, eps: float
) -> None:
    """Half a step, and the precision of gain, root and mean: on every row, whatever it holds."""
    x = data.draw(qparams(x_type, low=-14.0, high=0.0))
    y = QParams(dtype=y_type, scale=(4.0 if data.draw(st.booleans()) else 10.0) / integer_range(y_type)[1])
    random = np.random.default_rng(width)
    gain, bias = random.normal(size=width), random.normal(size=width) * 0.1
    rows = np.concatenate([hostile_rows(x_type, width, x.zero_point), data.draw(tensors(x_type, 20, width))])
    p = norm_parameters(gain, bias, eps, x, y, centred=centred)
    errors, of_mean = errors_in_steps(rows, p, gain, bias, eps, x, y)
    of_gain = 2.0 ** (p.normalised_bits - 17 - p.shift)  # half a step, times a normalised row, which is at most 1
    of_root = 2.0 ** (6 - p.shift)  # half a step times any x of the row times the largest gain
    assert np.all(errors <= 0.5 + of_gain + of_root + 1.01 * of_mean + 1e-2)


@pytest.mark.parametrize("centred", [False, True], ids=["rms_norm", "layer_norm"])
@pytest.mark.parametrize("x_type", ["int8", "int16"])
@pytest.mark.parametrize(("y_type", "bound"), [("int8", 0.6), ("int16", 2.0)])
def test_norms_of_usual_layers_stay_within(x_type: str, y_type: str, bound: float, centred: bool) -> None:
    """Width 16 to 64, gains around 1: 0.6 steps of int8, 2.0 of int16, of which 16 bits of a gain cost 1.5 in a row
    that is 0 but for one element."""
    random = np.random.default_rng(0)
    low, high = integer_range(x_type)
    for width in (16, 24, 64):
        x = QParams(dtype=x_type, scale=4.0 / high, zero_point=3 if x_type == "int8" else 0)
        y = QParams(dtype=y_type, scale=4.0 / integer_range(y_type)[1])
        gain, bias = random.uniform(0.5, 1.5, width), random.normal(size=width) * 0.1
        spread = random.integers(low, high + 1, (500, width))
        narrow = np.clip(np.rint(random.normal(size=(500, width)) * high / 50).astype(np.int64), low, high)
        rows = np.concatenate([hostile_rows(x_type, width, x.zero_point), spread, narrow])
        p = norm_parameters(gain, bias, 1e-5, x, y, centred=centred)
        errors, of_mean = errors_in_steps(rows, p, gain, bias, 1e-5, x, y)
        assert errors[of_mean < 0.1].max() <= bound
        assert np.mean(of_mean < 0.1) > 0.8


def test_a_constant_row_normalises_to_the_bias() -> None:
    """LayerNorm of a constant row is exactly the bias, rounded half up, however large the constant."""
    x, y = QParams(dtype="int16", scale=1e-3), QParams(dtype="int16", scale=1e-4)
    for width in range(1, 100):
        bias = np.linspace(-1.0, 1.0, width)
        p = norm_parameters(np.ones(width), bias, 1e-5, x, y, centred=True)
        rows = np.repeat(np.array([[-32767], [0], [1], [32767]]), width, axis=1)
        found = norm(rows, **asdict(p), zero_point=0, dtype="int16")
        np.testing.assert_array_equal(found, np.broadcast_to(np.floor(bias / 1e-4 + 0.5), rows.shape))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": 1e10}, r"4 elements, or eps 1e\+10 beside the input's scale 1e-05, are too large"),
        ({"gain": np.full(4, 1e12)}, "its weight or its bias is too large for output scale 0.01"),
        ({"bias": np.full(4, 1e9)}, "its weight or its bias is too large for output scale 0.01"),
        ({"gain": np.full(4, np.nan)}, "norm gain must be finite"),
    ],
)
def test_norms_refuse_what_they_cannot_hold(change: dict[str, object], message: str) -> None:
    """Powers beyond 62 bits and parameters beyond their integers are errors that name the cause."""
    arguments = {
        "gain": np.ones(4), "bias": np.zeros(4), "eps": 1e-5, "centred": True,
        "x": QParams(dtype="int16", scale=1e-5), "y": QParams(dtype="int8", scale=0.01),
    } | change  # fmt: skip
    with pytest.raises(GraphError, match=message):
        norm_parameters(**arguments)
