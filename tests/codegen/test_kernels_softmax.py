"""The kernels of softmax and log-softmax, compiled for this machine, give the bytes of their numpy twins."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import Integers, activation_types, float_tensors, qparams, tensors

from smidgen.numerics import float32, softmax
from smidgen.numerics.quantization import QParams

Run = Callable[..., Integers]

SIGNATURE = {"softmax_q": "pppppuuuuuuiiiiii", "log_softmax_q": "ppuuuuiiillii"}
FLOAT_SIGNATURE = {"softmax_f32": "pppuuu", "log_softmax_f32": "ppuu"}

few, widths = st.integers(1, 4), st.integers(1, 40)
masks = st.sampled_from(["none", "a row for all", "own rows"])


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernels as they are shipped."""
    return integer_caller(Kernels(["softmax.h"], SIGNATURE))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernels as they are shipped."""
    return float_caller(Kernels(["softmax_f32.h"], FLOAT_SIGNATURE))


def truth(mask: str, rows: int, width: int, seed: int) -> Integers | None:
    """Return which elements count, None for all; every third row sees nothing."""
    if mask == "none":
        return None
    seen = np.random.default_rng(seed).integers(0, 2, (1 if mask == "a row for all" else rows, width))
    seen[2::3] = 0
    return seen


def powers_of(p: Mapping[str, int]) -> Integers:
    """Return the stored powers of an int8 softmax."""
    constants = (p[f"exponent_{name}"] for name in ("multiplier", "shift", "limit"))
    return narrow(softmax.int8_powers(*constants), "int32")


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, rows=few, width=widths, mask=masks,
    seed=st.integers(0, 99),
)  # fmt: skip
def test_softmax(
    run: Run, data: st.DataObject, x_type: str, y_type: str, rows: int, width: int, mask: str, seed: int
) -> None:
    """softmax_q equals its twin for every mix of widths and scales, with truth values and without."""
    x, y = data.draw(qparams(x_type, low=-14.0, high=8.0)), data.draw(qparams(y_type, low=-20.0, high=2.0))
    q, seen = data.draw(tensors(x_type, rows, width)), truth(mask, rows, width, seed)
    p = asdict(softmax.softmax_parameters(x, y))
    expected = softmax.softmax(q, **p, zero_point=y.zero_point, x_dtype=x_type, dtype=y_type, seen=seen)
    shown = 0 if seen is None else narrow(seen, "int8")
    in_words = seen is None and x_type == y_type == "int8" and softmax.fits_words(width, p["output_shift"])
    actual = run(
        "softmax_q", q.shape, y_type, narrow(q, x_type), shown, powers_of(p), None, np.zeros(width, np.int32), rows,
        width, 1 if seen is None else len(seen), *bits(x_type, y_type), in_words, *p.values(), y.zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(data=st.data(), x_type=activation_types, y_type=activation_types, rows=few, width=widths)
def test_log_softmax(run: Run, data: st.DataObject, x_type: str, y_type: str, rows: int, width: int) -> None:
    """log_softmax_q equals its twin for every mix of widths and scales."""
    x, y = data.draw(qparams(x_type, low=-14.0, high=8.0)), data.draw(qparams(y_type, low=-20.0, high=8.0))
    q = data.draw(tensors(x_type, rows, width))
    p = asdict(softmax.log_softmax_parameters(x, y))
    expected = softmax.log_softmax(q, **p, zero_point=y.zero_point, dtype=y_type)
    actual = run(
        "log_softmax_q", q.shape, y_type, narrow(q, x_type), None, rows, width, *bits(x_type, y_type), *p.values(),
        y.zero_point,
    )  # fmt: skip
    np.testing.assert_array_equal(expected, actual)


@given(data=st.data(), rows=few, width=st.integers(1, 20), mask=masks, seed=st.integers(0, 99))
def test_float_softmax(run_float: Run, data: st.DataObject, rows: int, width: int, mask: str, seed: int) -> None:
    """softmax_f32 sums a row in order and divides once, as its twin does."""
    x, seen = data.draw(float_tensors(rows, width)), truth(mask, rows, width, seed)
    shown = None if seen is None else seen.astype(np.float32)
    expected = float32.softmax(x, seen=shown)
    actual = run_float(
        "softmax_f32", x.shape, x, 0 if shown is None else shown, None, rows, width, 1 if shown is None else len(shown)
    )  # fmt: skip
    assert_same_floats(expected, actual)


@given(data=st.data(), rows=few, width=st.integers(1, 20))
def test_float_log_softmax(run_float: Run, data: st.DataObject, rows: int, width: int) -> None:
    """log_softmax_f32 equals its twin, rows of zeros of both signs among them."""
    x = data.draw(float_tensors(rows, width))
    expected = float32.log_softmax(x)
    assert_same_floats(expected, run_float("log_softmax_f32", x.shape, x, None, rows, width))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(row % seen_rows)", "(0U % seen_rows)"),
        ("inverse.exponent - output_shift;", "inverse.exponent - output_shift + 1;"),
    ],
    ids=["the truth of another row", "other places"],
)
def test_a_fault_in_softmax_is_caught(right: str, wrong: str) -> None:
    """A kernel that looks at other truth values, or shifts in another way, is told apart from its twin."""
    source = kernel_files()["softmax.h"]
    assert source.count(right) == 1
    faulty = integer_caller(
        Kernels(["softmax.h"], SIGNATURE, {**kernel_files(), "softmax.h": source.replace(right, wrong)})
    )
    x, y = QParams(dtype="int8", scale=2.0**-6), QParams(dtype="int8", scale=2.0**-7)
    q = np.random.default_rng(0).integers(-128, 128, (2, 40))
    seen = np.array([[1, 0] * 20, [0, 1] * 20])
    p = asdict(softmax.softmax_parameters(x, y))
    expected = softmax.softmax(q, **p, zero_point=0, x_dtype="int8", dtype="int8", seen=seen)
    actual = faulty(
        "softmax_q", q.shape, "int8", narrow(q, "int8"), narrow(seen, "int8"), powers_of(p), None,
        np.zeros(40, np.int32), 2, 40, 2, 8, 8, False, *p.values(), 0,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
