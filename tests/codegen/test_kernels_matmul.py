"""The kernels of matrix products, compiled for this machine, give the bytes of their numpy twins."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import Integers, activation_types, float_tensors, qparams, tensors

from smidgen.numerics import float32, matmul
from smidgen.numerics.quantization import QParams

Run = Callable[..., Integers]

SIGNATURE = {"matmul_q": "pppuuuuuuuuuuiiii"}
FLOAT_SIGNATURE = {"matmul_f32": "pppuuuuuuu"}

few = st.integers(1, 5)
shared = st.sampled_from(["neither", "a", "b"])


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernel as it is shipped."""
    return integer_caller(Kernels(["matmul.h"], SIGNATURE))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernel as it is shipped."""
    return float_caller(Kernels(["matmul_f32.h"], FLOAT_SIGNATURE))


def shapes(batch: int, m: int, k: int, n: int, transposed: bool, one: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of both operands; `one` has a single matrix."""
    counts = [1 if one == name else batch for name in ("a", "b")]
    return (counts[0], m, k), (counts[1], *((n, k) if transposed else (k, n)))


@given(
    data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types, batch=few, m=few,
    k=st.integers(1, 40), n=few, transposed=st.booleans(), one=shared, deeper=st.integers(0, 20),
)  # fmt: skip
def test_matmul(
    run: Run, data: st.DataObject, a_type: str, b_type: str, y_type: str, batch: int, m: int, k: int, n: int,
    transposed: bool, one: str, deeper: int,
) -> None:  # fmt: skip
    """matmul_q equals its twin for every mix of widths, transposed or not, shared or not, in 32 bits and in 64."""
    a = data.draw(qparams(a_type, symmetric=True, low=-10.0, high=-2.0))
    b = data.draw(qparams(b_type, symmetric=True, low=-10.0, high=-2.0))
    y = data.draw(qparams(y_type, low=-8.0, high=2.0))
    p = asdict(matmul.matmul_parameters(a, b, y, k << deeper if a_type == b_type == "int8" else k))
    of_a, of_b = shapes(batch, m, k, n, transposed, one)
    left, right = data.draw(tensors(a_type, *of_a)), data.draw(tensors(b_type, *of_b))
    expected = matmul.matmul(left, right, transposed=transposed, **p, zero_point=y.zero_point, dtype=y_type)
    steps = [0 if len(x) < len(expected) else x[0].size for x in (left, right)]
    actual = run(
        "matmul_q", expected.shape, y_type, narrow(left, a_type), narrow(right, b_type), None, len(expected), m, k, n,
        *steps, transposed, *bits(a_type, b_type, y_type), *p.values(), y.zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(
    data=st.data(), batch=few, m=few, k=st.integers(1, 20), n=few, transposed=st.booleans(), one=shared
)  # fmt: skip
def test_float_matmul(
    run_float: Run, data: st.DataObject, batch: int, m: int, k: int, n: int, transposed: bool, one: str
) -> None:
    """matmul_f32 sums over k in order, as its twin does."""
    a, b = (data.draw(float_tensors(*shape)) for shape in shapes(batch, m, k, n, transposed, one))
    expected = float32.matmul(a, b, transposed=transposed)
    steps = [0 if len(x) < len(expected) else x[0].size for x in (a, b)]
    actual = run_float("matmul_f32", expected.shape, a, b, None, len(expected), m, k, n, *steps, transposed)
    assert_same_floats(expected, actual)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(transposed != 0U) ? 1U : n;", "(transposed != 0U) ? n : 1U;"),
        ("rounded_shift_s64(acc, prescale)", "rounded_shift_s64(acc, prescale - 1)"),
    ],
    ids=["the other matrix", "a bit too few"],
)
def test_a_fault_in_matmul_is_caught(right: str, wrong: str) -> None:
    """A kernel that walks or rounds in another way is told apart from its twin."""
    source = kernel_files()["matmul.h"]
    assert source.count(right) == 1
    faulty = integer_caller(
        Kernels(["matmul.h"], SIGNATURE, {**kernel_files(), "matmul.h": source.replace(right, wrong)})
    )
    random = np.random.default_rng(0)
    a, b = random.integers(-9000, 9000, (1, 20, 6)), random.integers(-9000, 9000, (1, 6, 20))
    unit = QParams(dtype="int16", scale=1e-3)
    p = asdict(matmul.matmul_parameters(unit, unit, QParams(dtype="int16", scale=2e-2), 6))
    expected = matmul.matmul(a, b, transposed=False, **p, zero_point=0, dtype="int16")
    actual = faulty(
        "matmul_q", expected.shape, "int16", narrow(a, "int16"), narrow(b, "int16"), None, 1, 20, 6, 20, 0, 0, 0, 16,
        16, 16, *p.values(), 0,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
