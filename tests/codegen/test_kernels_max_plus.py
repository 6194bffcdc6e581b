"""The kernels of products in the max-plus algebra, compiled for this machine, give the bytes of their numpy twins."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import Integers, activation_types, float_tensors, qparams, tensors

from smidgen.errors import GraphError
from smidgen.numerics import float32
from smidgen.numerics.max_plus import MaxPlusParameters, max_plus, max_plus_parameters

Run = Callable[..., Integers]

SIGNATURE = {"max_plus_q": "pppuuuuuiiii"}

few = st.integers(1, 6)


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernel as it is shipped."""
    return integer_caller(Kernels(["max_plus.h"], SIGNATURE))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernel as it is shipped."""
    return float_caller(Kernels(["max_plus_f32.h"], {"max_plus_f32": "pppuuu"}))


@given(data=st.data(), x_type=activation_types, y_type=activation_types, rows=few, width=few, out_width=few)
def test_max_plus(
    run: Run, data: st.DataObject, x_type: str, y_type: str, rows: int, width: int, out_width: int
) -> None:
    """max_plus_q equals its twin for every mix of widths and zero points."""
    x_qparams, y_qparams = data.draw(qparams(x_type)), data.draw(qparams(y_type))
    draw = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    try:
        p = max_plus_parameters(draw.normal(0, 50, (out_width, width)) * x_qparams.scale, x_qparams, y_qparams)
    except GraphError:
        return  # scales that do not go together are refused
    x = data.draw(tensors(x_type, rows, width))
    expected, actual = both(run, x, p, x_type, y_type, (x_qparams.zero_point, y_qparams.zero_point))
    np.testing.assert_array_equal(expected, actual)


def both(
    run: Run, x: Integers, p: MaxPlusParameters, x_type: str, y_type: str, zero_points: tuple[int, int]
) -> tuple[Integers, Integers]:
    """Return what the twin and what the kernel gives."""
    scale = {"multiplier": p.multiplier, "shift": p.shift}
    expected = max_plus(x, p.scores.astype(np.int64), zero_points=zero_points, **scale, dtype=y_type)
    actual = run(
        "max_plus_q", expected.shape, y_type, narrow(x, x_type), p.scores, None, len(x), x.shape[1], len(p.scores),
        *bits(x_type, y_type), *zero_points, *scale.values(),
    )  # fmt: skip
    return expected, actual


@given(data=st.data(), rows=few, width=few, out_width=few)
def test_float_max_plus(run_float: Run, data: st.DataObject, rows: int, width: int, out_width: int) -> None:
    """max_plus_f32 equals its twin, for infinities, NaN and both zeros too."""
    x, scores = data.draw(float_tensors(rows, width)), data.draw(float_tensors(out_width, width))
    expected = float32.max_plus(x, scores)
    assert_same_floats(expected, run_float("max_plus_f32", expected.shape, x, scores, None, rows, width, out_width))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("(sum > best) ? sum : best", "(sum < best) ? sum : best"), ("best - zero_x", "best + zero_x")],
    ids=["the smallest", "the zero point left in"],
)
def test_a_fault_in_max_plus_is_caught(right: str, wrong: str) -> None:
    """A kernel that chooses or shifts otherwise is told apart from its twin."""
    source = kernel_files()["max_plus.h"]
    assert source.count(right) == 1
    faulty = Kernels(["max_plus.h"], SIGNATURE, {**kernel_files(), "max_plus.h": source.replace(right, wrong)})
    draw = np.random.default_rng(0)
    p = MaxPlusParameters(scores=draw.integers(-40, 40, (3, 4)).astype(np.int32), multiplier=2**30, shift=1)
    expected, actual = both(integer_caller(faulty), draw.integers(-60, 60, (5, 4)), p, "int8", "int16", (7, 0))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
