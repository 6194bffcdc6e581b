"""The kernels of step graphs, compiled for this machine, give the bytes of their numpy twins, states included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, kernel_files
from strategies import activation_types, float_tensors, shifts, tensors

from smidgen.numerics import float32, reduction, running
from smidgen.numerics.history import cache_frame, history, stored_row

SIGNATURES = {
    "history": "ppppuuuuu",
    "cache_frame": "ppuuu",
    "stored_row": "pppuuuu",
    "running_mean_q": "ppppuuuuiiii",
    "running_sum_q": "pppuuuuiiii",
    "running_extremum_q": "pppuuuu",
    "running_sum_f32": "pppuu",
    "running_extremum_f32": "pppuuu",
    "running_mean_f32": "ppppuu",
}
HEADERS = ("frame_cache.h", "history.h", "running.h", "running_f32.h")

sizes = st.integers(1, 5)


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """The kernels as they are shipped."""
    return Kernels(HEADERS, SIGNATURES)


@given(
    outer=sizes, inner=sizes, taps=st.integers(2, 5), dilation=st.integers(1, 4), frames=st.integers(1, 25),
    item=st.sampled_from([1, 2, 4]), initial=st.integers(-5, 5),
)  # fmt: skip
def test_history(
    kernels: Kernels, outer: int, inner: int, taps: int, dilation: int, frames: int, item: int, initial: int
) -> None:
    """Kernel and twin give the frames `dilation` apart up to the present; before the first, the initial value."""
    dtype, span = f"int{8 * item}", (taps - 1) * dilation
    recording = np.arange(frames * outer * inner).reshape(frames, outer, 1, inner).astype(dtype)
    padded = np.concatenate([np.full((span, outer, 1, inner), initial, dtype), recording])
    twin_ring, twin_next = np.full((1, span, outer, 1, inner), initial, dtype), np.zeros((1, 1), np.int64)
    ring, following = twin_ring[0].copy(), np.zeros(1, np.int32)
    for t, x in enumerate(recording):
        expected = padded[t : t + span + 1 : dilation, :, 0].transpose(1, 0, 2)
        found = history(x[None], twin_ring, twin_next, axis=2, dilation=dilation)[0]
        np.testing.assert_array_equal(expected, found)
        y = np.empty((outer, taps, inner), dtype)
        kernels("history", x, ring, following, y, outer, taps, inner, dilation, item)
        np.testing.assert_array_equal(expected, y)
        np.testing.assert_array_equal(twin_ring[0], ring)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("const uint32_t later = slot + (tap * dilation);", "const uint32_t later = tap * dilation;"),
        ("0U, 0U, slot * frame, 0U, size", "0U, 0U, 0U, 0U, size"),
        ("(slot + 1U) < span", "(slot + 2U) < span"),
    ],
    ids=["oldest not found", "newest always first", "ring too short"],
)
def test_a_ring_in_the_wrong_order_is_caught(right: str, wrong: str) -> None:
    """Planted: frames from another slot than theirs."""
    source = kernel_files()["history.h"]
    assert source.count(right) == 1
    faulty = Kernels(HEADERS, SIGNATURES, {**kernel_files(), "history.h": source.replace(right, wrong)})
    ring, following, y = np.zeros(4, np.int8), np.zeros(1, np.int32), np.empty(3, np.int8)
    answers = []
    for t in range(1, 13):
        faulty("history", np.array([t], np.int8), ring, following, y, 1, 3, 1, 2, 1)
        answers.append(y.copy())
    expected = [[max(0, t - 4), max(0, t - 2), t] for t in range(1, 13)]
    assert not np.array_equal(expected, answers)


@given(window=st.integers(1, 6), frame=sizes, frames=st.integers(1, 12), item=st.sampled_from([1, 2, 4]))
def test_cache_frame(kernels: Kernels, window: int, frame: int, frames: int, item: int) -> None:
    """The last frames, oldest first, at the end of the array; whole words or not."""
    dtype = f"int{8 * item}"
    recording = np.arange(1, 1 + frames * frame).reshape(frames, frame).astype(dtype)
    cache, twin = np.zeros((window, frame), dtype), np.zeros((1, window, frame), dtype)
    for t, x in enumerate(recording):
        kernels("cache_frame", cache, x, window, frame, item)
        cache_frame(twin, x[None, None])
        held = recording[max(0, t + 1 - window) : t + 1]
        np.testing.assert_array_equal(held, cache[window - len(held) :])
        np.testing.assert_array_equal(twin[0], cache)


@given(outer=sizes, rows=sizes, inner=sizes, item=st.sampled_from([1, 2, 4]))
def test_stored_row(kernels: Kernels, outer: int, rows: int, inner: int, item: int) -> None:
    """One row after the other, along any axis of the table."""
    table = np.arange(outer * rows * inner).reshape(outer, rows, inner).astype(f"int{8 * item}")
    following, twin_next = np.zeros(1, np.int32), np.zeros((1, 1), np.int64)
    for row in range(rows):
        y = np.empty((outer, 1, inner), table.dtype)
        kernels("stored_row", table, following, y, outer, rows, inner, item)
        np.testing.assert_array_equal(table[:, row : row + 1], y)
        np.testing.assert_array_equal(table[None, :, row : row + 1], stored_row(table[None], twin_next, axis=2))


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, steps=st.integers(1, 20), width=sizes,
    before=st.integers(0, 1000), multiplier=st.integers(2**30, 2**31 - 1), shift=st.integers(-20, 31),
)  # fmt: skip
def test_running_mean(
    kernels: Kernels, data: st.DataObject, x_type: str, y_type: str, steps: int, width: int, before: int,
    multiplier: int, shift: int,
) -> None:  # fmt: skip
    """running_mean_q equals its twin from any state; its n-th row is the mean over n elements."""
    zeros = tuple(data.draw(st.integers(-128, 127)) if dtype == "int8" else 0 for dtype in (x_type, y_type))
    x = data.draw(tensors(x_type, 1, steps, width))
    earlier = data.draw(tensors(x_type, 1, before, width))
    sums, constants = (earlier - zeros[0]).sum(axis=1), {"zero_points": zeros, "multiplier": multiplier, "shift": shift}
    totals, count = sums.copy(), np.full((1, 1), before)
    expected = running.running_mean(x, totals, count, **constants, dtype=y_type)
    whole = reduction.mean(np.concatenate([earlier, x], axis=1), axis=1, **constants, dtype=y_type)
    np.testing.assert_array_equal(whole, expected[:, -1])
    y, kernel_totals = np.empty((steps, width), y_type), sums[0].astype(np.int32)
    kernel_count, bits = np.array([before], np.int32), (8 * np.dtype(x_type).itemsize, 8 * np.dtype(y_type).itemsize)
    kernels(
        "running_mean_q", np.ascontiguousarray(x[0], x_type), y, kernel_totals, kernel_count, steps, width, *bits,
        *zeros, multiplier, shift,
    )  # fmt: skip
    np.testing.assert_array_equal(expected[0], y)
    np.testing.assert_array_equal(totals[0], kernel_totals)
    assert kernel_count[0] == count[0, 0] == before + steps


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 20), width=sizes)
def test_float_running_mean(kernels: Kernels, seed: int, steps: int, width: int) -> None:
    """running_mean_f32 equals its twin; its n-th row is the mean over n elements, bit for bit."""
    x = np.random.default_rng(seed).normal(size=(1, steps, width)).astype(np.float32)
    expected = float32.running_mean(x, np.zeros((1, width), np.float32), before=0)
    assert_same_floats(float32.mean(x, axis=1), expected[:, -1])
    y, totals, count = np.empty((steps, width), np.float32), np.zeros(width, np.float32), np.zeros(1, np.int32)
    kernels("running_mean_f32", np.ascontiguousarray(x[0]), y, totals, count, steps, width)
    assert_same_floats(expected[0], y)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, steps=st.integers(1, 20), width=sizes,
    multiplier=st.integers(0, 2**31 - 1), shift=shifts,
)  # fmt: skip
def test_running_sum(
    kernels: Kernels, data: st.DataObject, x_type: str, y_type: str, steps: int, width: int, multiplier: int, shift: int
) -> None:
    """running_sum_q equals its twin from any state; its n-th row is the sum of n elements."""
    zeros = tuple(data.draw(st.integers(-128, 127)) if dtype == "int8" else 0 for dtype in (x_type, y_type))
    x, constants = data.draw(tensors(x_type, 1, steps, width)), {"multiplier": multiplier, "shift": shift}
    totals = np.zeros((1, width), np.int64)
    expected = running.running_sum(x, totals, zero_points=zeros, **constants, dtype=y_type)
    whole = reduction.sum_along(x, axis=1, zero_points=zeros, **constants, dtype=y_type)
    np.testing.assert_array_equal(whole, expected[:, -1])
    y, kernel_totals = np.empty((steps, width), y_type), np.zeros(width, np.int32)
    bits = (8 * np.dtype(x_type).itemsize, 8 * np.dtype(y_type).itemsize)
    narrow = np.ascontiguousarray(x[0], x_type)
    kernels("running_sum_q", narrow, y, kernel_totals, steps, width, *bits, *zeros, multiplier, shift)
    np.testing.assert_array_equal(expected[0], y)
    np.testing.assert_array_equal(totals[0], kernel_totals)


@given(
    data=st.data(), dtype=activation_types, steps=st.integers(1, 20), before=st.integers(1, 5), width=sizes,
    least=st.booleans(),
)  # fmt: skip
def test_running_extremum(
    kernels: Kernels, data: st.DataObject, dtype: str, steps: int, before: int, width: int, least: bool
) -> None:
    """running_extremum_q equals its twin from any state; its n-th row is the extreme of n elements."""
    earlier, x = data.draw(tensors(dtype, 1, before, width)), data.draw(tensors(dtype, 1, steps, width))
    extreme = np.min if least else np.max
    extremes = extreme(earlier, axis=1)
    y, kernel_extremes = np.empty((steps, width), dtype), np.ascontiguousarray(extremes[0], dtype)
    expected = running.running_extremum(x, extremes, least=least)
    np.testing.assert_array_equal(extreme(np.concatenate([earlier, x], axis=1), axis=1), expected[:, -1])
    narrow, bits = np.ascontiguousarray(x[0], dtype), 8 * np.dtype(dtype).itemsize
    kernels("running_extremum_q", narrow, y, kernel_extremes, steps, width, least, bits)
    np.testing.assert_array_equal(expected[0], y)
    np.testing.assert_array_equal(extremes[0], kernel_extremes)


@given(data=st.data(), steps=st.integers(1, 20), width=sizes, least=st.booleans())
def test_float_running_sum_and_extremum(
    kernels: Kernels, data: st.DataObject, steps: int, width: int, least: bool
) -> None:
    """Both equal their twins, and their n-th rows what n elements give, bit for bit: of -0 and 0 the first."""
    x = data.draw(float_tensors(1, steps, width))
    narrow, y, state = np.ascontiguousarray(x[0]), np.empty((steps, width), np.float32), np.zeros(width, np.float32)
    expected = float32.running_sum(x, np.zeros((1, width), np.float32))
    assert_same_floats(float32.sum_along(x, axis=1), expected[:, -1])
    kernels("running_sum_f32", narrow, y, state, steps, width)
    assert_same_floats(expected[0], y)
    none = np.full((1, width), np.inf if least else -np.inf, np.float32)
    state = none[0].copy()
    expected = float32.running_extremum(x, none, least=least)
    assert_same_floats(float32.extremum(x, axis=1, least=least), expected[:, -1])
    kernels("running_extremum_f32", narrow, y, state, steps, width, least)
    assert_same_floats(expected[0], y)
