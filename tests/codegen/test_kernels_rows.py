"""The kernels of norms, sums, extremes and second moments, compiled for this machine, give the bytes of their twins."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import Integers, activation_types, float_tensors, multipliers, qparams, shifts, tensors, zero_point_of

from smidgen.errors import GraphError
from smidgen.numerics import float32, moment, norm, reduction
from smidgen.numerics.quantization import QParams

Run = Callable[..., Integers]

SIGNATURES = {
    "norm_q": "ppppuuuuuuiiiiilii",
    "mean_q": "ppuuuuuiiii",
    "sum_along_q": "ppuuuuuiiii",
    "extremum_q": "ppuuuuu",
    "position_q": "ppuuuuu",
    "second_moment_q": "ppuuuuuiiiiiii",
}
FLOAT_SIGNATURES = {
    "rms_norm_f32": "pppuuf",
    "layer_norm_f32": "ppppuuuuf",
    "mean_f32": "ppuuu",
    "sum_along_f32": "ppuuu",
    "extremum_f32": "ppuuuu",
    "position_f32": "ppuuuu",
    "second_moment_f32": "ppuuuuf",
}

sizes = st.integers(1, 9)
few = st.integers(1, 4)


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernels as they are shipped."""
    return integer_caller(Kernels(["norm.h", "reduce.h", "moment.h"], SIGNATURES))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernels as they are shipped."""
    return float_caller(Kernels(["norm_f32.h", "reduce_f32.h", "moment_f32.h"], FLOAT_SIGNATURES))


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, instances=few, places=st.integers(1, 6),
    groups=few, width=st.integers(1, 30), centred=st.booleans(), gains=st.sampled_from([1e-3, 1.0, 30.0]),
)  # fmt: skip
def test_norms(
    run: Run, data: st.DataObject, x_type: str, y_type: str, instances: int, places: int, groups: int, width: int,
    centred: bool, gains: float,
) -> None:  # fmt: skip
    """norm_q equals its twin on rows and on groups, constant and extreme ones too; in place where widths agree."""
    x_qparams = data.draw(qparams(x_type, low=-16.0, high=4.0))
    y_qparams = data.draw(qparams(y_type, low=-14.0, high=-3.0))
    random = np.random.default_rng(width)
    channels = groups * width
    p = norm.norm_parameters(
        random.normal(size=channels) * gains, random.normal(size=channels), 1e-5, x_qparams, y_qparams,
        centred=centred, count=places * width,
    )  # fmt: skip
    x = data.draw(tensors(x_type, instances, places, groups, width))
    shaped = {**asdict(p), "gain": p.gain.reshape(groups, width), "bias": p.bias.reshape(groups, width)}
    expected = norm.norm(x, **shaped, zero_point=x_qparams.zero_point, dtype=y_type, axes=(1, 3))
    constants = (narrow(p.gain, "int16"), narrow(p.bias, "int32"))
    arguments = (
        *x.shape, *bits(x_type, y_type), x_qparams.zero_point, p.normalised_bits, p.root_shift, p.shift,
        p.fraction_bits, p.epsilon, p.mean_multiplier, p.mean_shift,
    )  # fmt: skip
    actual = run("norm_q", x.shape, y_type, narrow(x, x_type), *constants, None, *arguments)
    np.testing.assert_array_equal(expected, actual)
    if x_type == y_type:
        buffer = narrow(x, x_type)
        run("norm_q", (0,), y_type, buffer, *constants, buffer, *arguments)
        np.testing.assert_array_equal(expected, buffer)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, outer=sizes, reduced=st.integers(1, 40),
    inner=sizes, ratio=st.integers(2**30, 2**31 - 1), places=st.integers(-24, 31), multiplier=multipliers, shift=shifts,
)  # fmt: skip
def test_means_and_sums(
    run: Run, data: st.DataObject, x_type: str, y_type: str, outer: int, reduced: int, inner: int, ratio: int,
    places: int, multiplier: int, shift: int,
) -> None:  # fmt: skip
    """mean_q and sum_q equal their twins along any axis."""
    x = data.draw(tensors(x_type, outer, reduced, inner))
    zeros = tuple(zero_point_of(data.draw, dtype) for dtype in (x_type, y_type))
    arguments = (narrow(x, x_type), None, outer, reduced, inner, *bits(x_type, y_type), *zeros)
    mean = reduction.mean(x, axis=1, zero_points=zeros, multiplier=ratio, shift=places, dtype=y_type)
    np.testing.assert_array_equal(mean, run("mean_q", mean.shape, y_type, *arguments, ratio, places))
    total = reduction.sum_along(x, axis=1, zero_points=zeros, multiplier=multiplier, shift=shift, dtype=y_type)
    np.testing.assert_array_equal(total, run("sum_along_q", total.shape, y_type, *arguments, multiplier, shift))


@given(
    data=st.data(), dtype=activation_types, outer=sizes, reduced=st.integers(1, 40), inner=sizes, least=st.booleans()
)
def test_extremes(run: Run, data: st.DataObject, dtype: str, outer: int, reduced: int, inner: int, least: bool) -> None:
    """extremum_q and position_q find what numpy finds; of equals the first."""
    x = data.draw(tensors(dtype, outer, reduced, inner))
    arguments = (narrow(x, dtype), None, outer, reduced, inner, least, *bits(dtype))
    value, place = (x.min(axis=1), x.argmin(axis=1)) if least else (x.max(axis=1), x.argmax(axis=1))
    np.testing.assert_array_equal(value, run("extremum_q", value.shape, dtype, *arguments))
    np.testing.assert_array_equal(place, run("position_q", place.shape, "int32", *arguments))


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, rows=sizes, width=st.integers(1, 70),
    centred=st.booleans(), root=st.booleans(), correction=st.integers(0, 1),
)  # fmt: skip
def test_second_moments(
    run: Run, data: st.DataObject, x_type: str, y_type: str, rows: int, width: int, centred: bool, root: bool,
    correction: int,
) -> None:  # fmt: skip
    """second_moment_q equals its twin as variance, deviation, length and power, from nothing to saturation."""
    x_qparams = data.draw(qparams(x_type, low=-20.0, high=8.0))
    y_qparams = data.draw(qparams(y_type, low=-20.0, high=8.0))
    try:
        p = moment.moment_parameters(
            x_qparams, y_qparams, width, divisor=max(width - correction, 1), centred=centred, root=root
        )
    except GraphError:
        reject()
    x = data.draw(tensors(x_type, rows, width))
    zeros = (x_qparams.zero_point, y_qparams.zero_point)
    expected = moment.second_moment(x, root=root, **asdict(p), zero_points=zeros, dtype=y_type)
    actual = run(
        "second_moment_q", (rows,), y_type, narrow(x, x_type), None, rows, width, root, *bits(x_type, y_type), *zeros,
        *asdict(p).values(),
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(
    data=st.data(), instances=few, places=st.integers(1, 6), groups=few, width=st.integers(1, 20),
    eps=st.sampled_from([1e-5, 1e-6, 1.1920929e-07]),
)  # fmt: skip
def test_float_norms(
    run_float: Run, data: st.DataObject, instances: int, places: int, groups: int, width: int, eps: float
) -> None:
    """rms_norm_f32 and layer_norm_f32 equal their twins on rows and groups, also where squares overflow or vanish."""
    channels = groups * width
    x = data.draw(float_tensors(instances, places, channels))
    gain, bias = data.draw(float_tensors(channels)), data.draw(float_tensors(channels))
    shape, rows = x.shape, (instances * places, channels)
    actual = run_float("rms_norm_f32", shape, x, gain, None, *rows, eps)
    assert_same_floats(float32.rms_norm(x, gain, eps=eps), actual)
    actual = run_float("layer_norm_f32", shape, x, gain, bias, None, rows[0], 1, 1, channels, eps)
    assert_same_floats(float32.layer_norm(x, gain, bias, eps=eps), actual)
    actual = run_float("layer_norm_f32", shape, x, gain, bias, None, instances, places, groups, width, eps)
    assert_same_floats(float32.group_norm(x, gain, bias, groups=groups, eps=eps), actual)


@given(data=st.data(), outer=sizes, reduced=st.integers(1, 20), inner=sizes, least=st.booleans())
def test_float_reductions(
    run_float: Run, data: st.DataObject, outer: int, reduced: int, inner: int, least: bool
) -> None:
    """Sums run in order, a mean divides once, extremes and their positions are the first ones."""
    x = data.draw(float_tensors(outer, reduced, inner))
    sizes, shape = (outer, reduced, inner), (outer, inner)
    assert_same_floats(float32.mean(x, axis=1), run_float("mean_f32", shape, x, None, *sizes))
    assert_same_floats(float32.sum_along(x, axis=1), run_float("sum_along_f32", shape, x, None, *sizes))
    extremum = float32.extremum(x, axis=1, least=least)
    assert_same_floats(extremum, run_float("extremum_f32", shape, x, None, *sizes, least))
    actual = run_float("position_f32", shape, x, None, *sizes, least, dtype="int32")
    np.testing.assert_array_equal(float32.position(x, axis=1, least=least), actual)


@pytest.mark.parametrize("least", [False, True])
def test_the_first_nan_is_the_position(run_float: Run, least: bool) -> None:
    """Of numbers and NaNs in any order, as the reference has it."""
    x = np.array([[0.0, np.nan], [-1.0, 0.0], [np.nan, np.nan], [np.nan, -1.0]], np.float32)
    actual = run_float("position_f32", (1, 2), x, None, 1, 4, 2, least, dtype="int32")
    np.testing.assert_array_equal([[2, 0]], actual)
    np.testing.assert_array_equal(float32.position(x[None], axis=1, least=least), actual)


@given(
    data=st.data(), rows=sizes, width=st.integers(1, 30), centred=st.booleans(), root=st.booleans(),
    divisor=st.floats(1.0, 100.0, width=32),
)  # fmt: skip
def test_float_second_moments(
    run_float: Run, data: st.DataObject, rows: int, width: int, centred: bool, root: bool, divisor: float
) -> None:
    """second_moment_f32 equals its twin, also where squares overflow or vanish."""
    x = data.draw(float_tensors(rows, width))
    expected = float32.second_moment(x, centred=centred, root=root, divisor=divisor)
    assert_same_floats(expected, run_float("second_moment_f32", (rows,), x, None, rows, width, centred, root, divisor))


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("moment.h", "int32_t places = -excess;", "int32_t places = excess;"),
        ("moment.h", "places += 31 - shift;", "places += 30 - shift;"),
        ("deviation.h", "- of->mean;", ";"),
    ],
    ids=["a shift the other way", "one place too few", "the mean left in"],
)
def test_a_fault_in_second_moments_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that scales or centres in another way is told apart from its twin."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    files = {**kernel_files(), header: source.replace(right, wrong)}
    faulty = integer_caller(Kernels(["moment.h"], {"second_moment_q": SIGNATURES["second_moment_q"]}, files))
    random = np.random.default_rng(0)
    x = np.concatenate([random.integers(-3, 4, (20, 9)), random.integers(-128, 128, (20, 9))])
    x_qparams, y_qparams = QParams(dtype="int8", scale=0.01), QParams(dtype="int16", scale=1e-4)
    p = asdict(moment.moment_parameters(x_qparams, y_qparams, 9, divisor=9, centred=True, root=False))
    expected = moment.second_moment(x, root=False, **p, zero_points=(0, 0), dtype="int16")
    actual = faulty("second_moment_q", (40,), "int16", narrow(x, "int8"), None, 40, 9, 0, 8, 16, 0, 0, *p.values())
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
