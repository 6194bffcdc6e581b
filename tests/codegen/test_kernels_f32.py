"""Every float32 kernel, compiled for this machine, gives the bytes of its numpy twin."""

from collections.abc import Callable
from ctypes import c_void_p

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, build_kernel_library, float_caller, kernel_files
from numpy.typing import NDArray
from strategies import Walk, walks
from strategies import float_tensors as tensors

from smidgen.numerics import float32
from smidgen.numerics.float32 import functions

Floats = NDArray[np.float32]
Run = Callable[..., NDArray[np.generic]]

BATCH = 3
COUNT = 64  # of the element-wise tests
HEADERS = (
    "elementwise_f32.h",
    "functions_f32.h",
    "linear_f32.h",
    "pointwise_f32.h",
)
SIGNATURES = {
    "linear_f32": "ppppuuu",
    "select_f32": "ppppuuuuuuuuuuuuuuuu",
    **{f"{name}_f32": "pppuuuuuuuuuuuu" for name in float32.BINARY},
    **{f"{name}_f32": "ppu" + "f" * len(float32.SCALARS.get(name, ())) for name in float32.POINTWISE},
}
QUOTIENT_SOURCE = """
#include "functions_f32.h"
void round_quotients(const float *a, const float *b, float *quotient, uint32_t count);
void round_quotients(const float *a, const float *b, float *quotient, uint32_t count)
{
    for (uint32_t i = 0U; i < count; ++i) {
        quotient[i] = round_subnormal_quotient(a[i], b[i], quotient[i]);
    }
}
"""
FUSED = "acc = (float)((double)acc + ((double)x[k] * (double)w[k]))"
UNARY = [name for name in float32.POINTWISE if SIGNATURES[f"{name}_f32"] == "ppu"]
WITH_SCALAR = [name for name in float32.POINTWISE if SIGNATURES[f"{name}_f32"] == "ppuf"]

sizes = st.integers(1, 9)


@pytest.fixture(scope="module")
def run() -> Run:
    """All kernels as they are shipped."""
    return float_caller(Kernels(HEADERS, SIGNATURES))


@given(data=st.data(), rows=sizes, in_width=st.integers(1, 70), out_width=sizes)
def test_linear(run: Run, data: st.DataObject, rows: int, in_width: int, out_width: int) -> None:
    """linear_f32 sums over k in order and adds the bias last, as its twin does, for every shape and magnitude."""
    x = data.draw(tensors(BATCH, rows, in_width))
    weight, bias = data.draw(tensors(out_width, in_width)), data.draw(tensors(out_width))
    expected = float32.linear(x, weight, bias)
    for sample, y in zip(x, expected, strict=True):
        assert_same_floats(y, run("linear_f32", y.shape, sample, weight, bias, None, rows, in_width, out_width))


@pytest.mark.parametrize("name", UNARY)
@given(x=tensors(COUNT))
def test_pointwise(run: Run, name: str, x: Floats) -> None:
    """Each function of one tensor equals its twin, also where it writes over its input."""
    expected = float32.POINTWISE[name](x)
    assert_same_floats(expected, run(f"{name}_f32", x.shape, x, None, COUNT))
    in_place = x.copy()
    run(f"{name}_f32", x.shape, in_place, in_place, COUNT)
    assert_same_floats(expected, in_place)


@pytest.mark.parametrize("name", sorted({*UNARY} & {*vars(functions)}))
def test_pointwise_over_the_whole_range(run: Run, name: str) -> None:
    """Where a function is neither 0 nor saturated it equals its twin on a sweep of a million points."""
    x = np.linspace(-110.0, 110.0, 1_000_003, dtype=np.float32)
    assert_same_floats(float32.POINTWISE[name](x), run(f"{name}_f32", x.shape, x, None, x.size))


@pytest.mark.parametrize("name", WITH_SCALAR)
@given(x=tensors(COUNT), scalar=tensors(1), position=st.none() | st.integers(0, COUNT - 1))
def test_pointwise_with_scalar(run: Run, name: str, x: Floats, scalar: Floats, position: int | None) -> None:
    """Each function of a tensor and a scalar equals its twin, also where the scalar occurs in the tensor."""
    value = float(scalar[0] if position is None else x[position])
    expected = float32.POINTWISE[name](x, **{float32.SCALARS[name][0]: value})
    assert_same_floats(expected, run(f"{name}_f32", x.shape, x, None, COUNT, value))


@given(x=tensors(COUNT), limits=tensors(2))
def test_clamp(run: Run, x: Floats, limits: Floats) -> None:
    """clamp_f32 equals its twin for finite limits and for open ends."""
    low, high = sorted(map(float, limits))
    for bounds in ((low, high), (-np.inf, high), (low, np.inf)):
        expected = float32.clamp(x, low=bounds[0], high=bounds[1])
        assert_same_floats(expected, run("clamp_f32", x.shape, x, None, COUNT, *bounds))


@pytest.mark.parametrize("name", float32.BINARY)
@given(data=st.data(), walk=walks())
def test_binary(run: Run, name: str, data: st.DataObject, walk: Walk) -> None:
    """Each function of two tensors equals its twin, shapes broadcast, also where it writes over its first operand."""
    a, b = (data.draw(tensors(*shape)) for shape in walk.operands)
    expected = float32.BINARY[name](a, b)
    assert_same_floats(expected, run(f"{name}_f32", walk.shape, a, b, None, *walk.arguments))
    if a.shape == walk.shape:
        in_place = a.copy()
        run(f"{name}_f32", walk.shape, in_place, b, in_place, *walk.arguments)
        assert_same_floats(expected, in_place)


@given(data=st.data(), walk=walks(3))
def test_select(run: Run, data: st.DataObject, walk: Walk) -> None:
    """select_f32 takes b where a is not 0 (-0 is 0), else c."""
    x = [data.draw(tensors(*shape)) for shape in walk.operands]
    assert_same_floats(float32.select(*x), run("select_f32", walk.shape, *x, None, *walk.arguments))


@pytest.mark.parametrize("name", UNARY)
def test_nan_comes_out_as_nan(run: Run, name: str) -> None:
    """No function hides a NaN, so a broken model is seen at its output; logical_not has no NaN to give."""
    actual = run(f"{name}_f32", (1,), np.array([np.nan], np.float32), None, 1)
    assert np.isnan(actual[0]) == (name != "logical_not")


@given(quotients=st.integers(0, 2**32 - 1))
def test_cut_off_quotients_are_rounded(quotients: int) -> None:
    """Whatever a software division cut off a subnormal quotient is put right; a rounded quotient stays as it is."""
    random = np.random.default_rng(quotients)
    b = random.choice([-1, 1], COUNT) * np.exp2(random.uniform(-100, 127, COUNT))
    a = b * random.choice([-1, 1], COUNT) * np.exp2(random.uniform(-152, -125, COUNT))
    a, b = a.astype(np.float32), b.astype(np.float32)
    b[0], a[1] = np.inf, 0.0
    with np.errstate(under="ignore"):
        expected = a / b
        # Exact: a quotient of two 24-bit significands is nearer than 2^-48 to no multiple that it does not equal.
        steps = np.trunc(a.astype(np.float64) / b.astype(np.float64) * 2.0**149)
        cut_off = (steps * 2.0**-149).astype(np.float32)
    subnormal = np.abs(expected) < np.finfo(np.float32).tiny
    library = build_kernel_library(QUOTIENT_SOURCE)
    for found in (np.where(subnormal, cut_off, expected), expected):
        actual = np.ascontiguousarray(found)
        library.round_quotients(*(array.ctypes.data_as(c_void_p) for array in (a, b, actual)), COUNT)
        assert_same_floats(expected, actual)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("k = 0U; k < count; ++k", "k = count; k-- > 0U;"),
        ("acc += x[k] * w[k]", FUSED),
        ("= {0.0f, 0.0f, 0.0f, 0.0f}", "= {bias[o], bias[o + 1U], bias[o + 2U], bias[o + 3U]}"),
    ],
    ids=["sums from the last", "products not rounded", "bias first"],
)
def test_a_fault_in_linear_is_caught(right: str, wrong: str) -> None:
    """A kernel that computes the same number in another way is told apart from its twin."""
    random = np.random.default_rng(0)
    x, weight, bias = (random.normal(size=shape).astype(np.float32) for shape in ((20, 9), (6, 9), (6,)))
    source = kernel_files()["linear_f32.h"]
    assert source.count(right) == 1
    faulty = {**kernel_files(), "linear_f32.h": source.replace(right, wrong)}
    run = float_caller(Kernels(["linear_f32.h"], {"linear_f32": SIGNATURES["linear_f32"]}, faulty))
    with pytest.raises(AssertionError, match="differ, first at"):
        assert_same_floats(float32.linear(x, weight, bias), run("linear_f32", (20, 6), x, weight, bias, None, 20, 9, 6))


def test_a_fault_in_exp_is_caught() -> None:
    """An exp that cannot scale in two steps is told apart from its twin where results are subnormal."""
    right, wrong = "first = biased >> 1;", "first = biased - 127U;"
    source = kernel_files()["functions_f32.h"]
    assert source.count(right) == 1
    faulty = {**kernel_files(), "functions_f32.h": source.replace(right, wrong)}
    run = float_caller(Kernels(["pointwise_f32.h"], {"exp_f32": SIGNATURES["exp_f32"]}, faulty))
    x = np.linspace(-90.0, -80.0, 1000, dtype=np.float32)
    with pytest.raises(AssertionError, match="differ, first at"):
        assert_same_floats(float32.exp(x), run("exp_f32", x.shape, x, None, x.size))
