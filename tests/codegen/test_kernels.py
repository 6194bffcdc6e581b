"""Every integer kernel, compiled for this machine, gives the bytes of its numpy twin."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from kernel_library import Kernels, bits, integer_caller, kernel_files, narrow
from strategies import (
    Integers,
    Walk,
    accumulator_constants,
    activation_types,
    multipliers,
    qparams,
    shifts,
    tensors,
    walks,
    weights,
    zero_point_of,
)

from smidgen.errors import GraphError
from smidgen.numerics import elementwise, linear, tables

Run = Callable[..., Integers]

BATCH = 2
HEADERS = (
    "elementwise.h",
    "layout.h",
    "linear.h",
    "table.h",
)
SIGNATURES = {
    "linear_q": "pppppuuuuuii",
    "table_s8": "pppuu",
    "table_s16": "pppuu",
    "steps_s16": "ppppuuu",
    "add_q": "pppuuuuuuuuuuuuuuuiili",
    "mul_q": "pppuuuuuuuuuuuuuuuiiiii",
    "div_q": "pppuuuuuuuuuuuuuuuiiiii",
    "maximum_q": "pppuuuuuuuuuuuuu",
    "minimum_q": "pppuuuuuuuuuuuuu",
    "select_q": "ppppuuuuuuuuuuuuuuuuuu",
    "rescale_q": "ppuuuiiii",
    "copy_blocks": "ppuuuuuuu",
    "copy_strided": "ppuuuuuiiiiiiu",
    "take": "pppuuuuu",
    "pad_q": "ppuuuuiu",
    "pad_f32": "ppuuuuf",
}

sizes = st.integers(1, 9)


@pytest.fixture(scope="module")
def run() -> Run:
    """All kernels as they are shipped."""
    return integer_caller(Kernels(HEADERS, SIGNATURES))


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, rows=sizes, in_width=st.integers(1, 70),
    out_width=sizes, shift=shifts,
)  # fmt: skip
def test_linear(
    run: Run, data: st.DataObject, x_type: str, y_type: str, rows: int, in_width: int, out_width: int, shift: int
) -> None:
    """linear_q equals its twin for every width, multiplier and shift."""
    x, weight = data.draw(tensors(x_type, BATCH, rows, in_width)), data.draw(weights(out_width, in_width))
    bias, multiplier = accumulator_constants(data.draw, out_width)
    zero_point = zero_point_of(data.draw, y_type)
    acc = linear.dot_products(x, weight)
    expected = linear.finish_accumulator(acc, bias, multiplier, shift, zero_point, y_type)
    for sample, y in zip(x, expected, strict=True):
        actual = run(
            "linear_q", y.shape, y_type, narrow(sample, x_type), narrow(weight, "int8"), narrow(bias, "int32"),
            narrow(multiplier, "int32"), None, rows, in_width, out_width, *bits(x_type, y_type), shift, zero_point,
        )  # fmt: skip
        np.testing.assert_array_equal(y, actual)


@given(data=st.data(), x_type=activation_types, y_type=activation_types, count=st.integers(1, 300))
def test_tables(run: Run, data: st.DataObject, x_type: str, y_type: str, count: int) -> None:
    """table_s8 and table_s16 equal their twin for any table and width of output; in place where widths agree."""
    entries = tables.INT8_ENTRIES if x_type == "int8" else tables.INT16_KNOTS
    x, table = data.draw(tensors(x_type, count)), narrow(data.draw(tensors(y_type, entries)), y_type)
    kernel = "table_s8" if x_type == "int8" else "table_s16"
    expected = tables.table_lookup(x, table.astype(np.int64), x_type)
    arguments = (count, *bits(y_type))
    np.testing.assert_array_equal(expected, run(kernel, (count,), y_type, narrow(x, x_type), table, None, *arguments))
    if x_type == y_type:
        buffer = narrow(x, x_type)
        run(kernel, (0,), y_type, buffer, table, buffer, *arguments)
        np.testing.assert_array_equal(expected, buffer)


@given(data=st.data(), y_type=activation_types, count=st.integers(1, 300), n_thresholds=st.integers(0, 9))
def test_steps(run: Run, data: st.DataObject, y_type: str, count: int, n_thresholds: int) -> None:
    """steps_s16 equals its twin for any rising thresholds, its own values among them."""
    x = data.draw(tensors("int16", count))
    near = st.sampled_from([int(value) for value in x]) | st.integers(-32767, 32767)
    thresholds = np.array(sorted(data.draw(st.sets(near, min_size=n_thresholds, max_size=n_thresholds))), np.int16)
    values = data.draw(tensors(y_type, n_thresholds + 1))
    expected = tables.step_lookup(x, thresholds.astype(np.int64), values)
    arguments = (narrow(x, "int16"), thresholds, narrow(values, y_type), None, count, n_thresholds, *bits(y_type))
    np.testing.assert_array_equal(expected, run("steps_s16", (count,), y_type, *arguments))


@given(
    data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types, walk=walks(),
    factor=st.sampled_from([1.0, -1.0, -2.5]),
)  # fmt: skip
def test_add(run: Run, data: st.DataObject, a_type: str, b_type: str, y_type: str, walk: Walk, factor: float) -> None:
    """add_q equals its twin for sums and differences, in 32 bits for two int8 operands, else in 64; in place too."""
    a, b, y = (data.draw(qparams(dtype)) for dtype in (a_type, b_type, y_type))
    try:
        p = asdict(elementwise.add_parameters(a, b, y, factor=factor))
    except GraphError:
        reject()
    x = operands_of(data.draw, walk, a_type, b_type)
    expected = elementwise.add(*x, **p, dtype=y_type)
    check_walk(run, "add_q", walk, x, (a_type, b_type, y_type), expected, [*bits(a_type, b_type, y_type), *p.values()])


@given(
    data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types, walk=walks(),
    multiplier=multipliers, shift=shifts,
)  # fmt: skip
def test_mul(
    run: Run, data: st.DataObject, a_type: str, b_type: str, y_type: str, walk: Walk, multiplier: int, shift: int
) -> None:
    """mul_q equals its twin for every zero point, multiplier and shift; in place where widths agree."""
    x, types = operands_of(data.draw, walk, a_type, b_type), (a_type, b_type, y_type)
    zeros = tuple(zero_point_of(data.draw, dtype) for dtype in types)
    expected = elementwise.multiply(*x, zero_points=zeros, multiplier=multiplier, shift=shift, dtype=y_type)
    check_walk(run, "mul_q", walk, x, types, expected, [*bits(*types), *zeros, multiplier, shift])


@given(
    data=st.data(), a_type=activation_types, b_type=activation_types, y_type=activation_types, walk=walks(),
    multiplier=multipliers, shift=st.integers(elementwise.QUOTIENT_SHIFT[0], elementwise.QUOTIENT_SHIFT[-1]),
)  # fmt: skip
def test_div(
    run: Run, data: st.DataObject, a_type: str, b_type: str, y_type: str, walk: Walk, multiplier: int, shift: int
) -> None:
    """div_q equals its twin for every zero point, multiplier and shift, divisors of 0 among them."""
    x, types = operands_of(data.draw, walk, a_type, b_type), (a_type, b_type, y_type)
    zeros = tuple(zero_point_of(data.draw, dtype) for dtype in types)
    expected = elementwise.divide(*x, zero_points=zeros, multiplier=multiplier, shift=shift, dtype=y_type)
    check_walk(run, "div_q", walk, x, types, expected, [*bits(*types), *zeros, multiplier, shift])


@pytest.mark.parametrize("name", ["maximum", "minimum"])
@given(data=st.data(), dtype=activation_types, walk=walks())
def test_choices_of_two(run: Run, name: str, data: st.DataObject, dtype: str, walk: Walk) -> None:
    """maximum_q and minimum_q equal numpy."""
    x = operands_of(data.draw, walk, dtype, dtype)
    check_walk(run, f"{name}_q", walk, x, (dtype,) * 3, getattr(np, name)(*x), bits(dtype))


@given(data=st.data(), condition_type=activation_types, dtype=activation_types, walk=walks(3))
def test_select(run: Run, data: st.DataObject, condition_type: str, dtype: str, walk: Walk) -> None:
    """select_q equals numpy's where; every value but 0 is true."""
    x = operands_of(data.draw, walk, condition_type, dtype, dtype)
    types = (condition_type, dtype, dtype, dtype)
    check_walk(run, "select_q", walk, x, types, np.where(x[0] != 0, *x[1:]), bits(condition_type, dtype))


def operands_of(draw: st.DrawFn, walk: Walk, *dtypes: str) -> list[Integers]:
    """Return a tensor for each operand of a walk."""
    return [draw(tensors(dtype, *shape)) for dtype, shape in zip(dtypes, walk.operands, strict=True)]


def check_walk(
    run: Run, kernel: str, walk: Walk, x: Sequence[Integers], dtypes: Sequence[str], expected: Integers, rest: list[int]
) -> None:
    """Compare a kernel of broadcast operands, also where it writes over its first."""
    arrays = [narrow(values, dtype) for values, dtype in zip(x, dtypes[:-1], strict=True)]
    arguments = (*walk.arguments, *rest)
    np.testing.assert_array_equal(expected, run(kernel, walk.shape, dtypes[-1], *arrays, None, *arguments))
    if dtypes[0] == dtypes[-1] and arrays[0].shape == walk.shape:
        first = arrays[0].copy()
        run(kernel, (0,), dtypes[-1], first, *arrays[1:], first, *arguments)
        np.testing.assert_array_equal(expected, first)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, count=sizes, multiplier=multipliers, shift=shifts
)
def test_rescale(
    run: Run, data: st.DataObject, x_type: str, y_type: str, count: int, multiplier: int, shift: int
) -> None:
    """rescale_q equals its twin for every zero point, multiplier and shift; in place where widths agree."""
    x = data.draw(tensors(x_type, count))
    zeros = [zero_point_of(data.draw, dtype) for dtype in (x_type, y_type)]
    expected = elementwise.rescale(
        x, zero_point_in=zeros[0], zero_point_out=zeros[1], multiplier=multiplier, shift=shift, dtype=y_type
    )
    arguments = (count, *bits(x_type, y_type), *zeros, multiplier, shift)
    np.testing.assert_array_equal(expected, run("rescale_q", x.shape, y_type, narrow(x, x_type), None, *arguments))
    if x_type == y_type:
        buffer = narrow(x, x_type)
        run("rescale_q", (0,), y_type, buffer, buffer, *arguments)
        np.testing.assert_array_equal(expected, buffer)


few = st.integers(1, 4)


@given(
    shape=st.tuples(few, few, few, few, few), order=st.permutations(range(5)), item=st.sampled_from([1, 2, 4]),
    reverse=st.integers(0, 4), repeated=st.integers(0, 4),
)  # fmt: skip
def test_copy_strided(
    run: Run, shape: tuple[int, ...], order: list[int], item: int, reverse: int, repeated: int
) -> None:
    """copy_strided moves elements of every size as numpy does: axes in any order, one reversed, one repeated."""
    dtype = f"int{8 * item}"
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    moved = np.flip(x.transpose(order), reverse)
    one = moved.take([0], repeated)
    expected = np.broadcast_to(one, moved.shape)
    steps = [0 if axis == repeated else stride // item for axis, stride in enumerate(moved.strides)]
    start = (moved.ctypes.data - x.ctypes.data) // item if moved.base is not None else 0
    np.testing.assert_array_equal(
        expected, run("copy_strided", expected.shape, dtype, x, None, *expected.shape, start, *steps, item)
    )


@given(
    shape=st.tuples(sizes, sizes, sizes), item=st.sampled_from([1, 2, 4]), random=st.randoms(use_true_random=False),
    count=sizes,
)  # fmt: skip
def test_take(run: Run, shape: tuple[int, int, int], item: int, random: Random, count: int) -> None:
    """The kernel take reads any positions along an axis, in any order and as often as asked."""
    dtype = f"int{8 * item}"
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    indices = np.array([random.randrange(shape[1]) for _ in range(count)], np.int16)
    expected = x.take(indices, axis=1)
    np.testing.assert_array_equal(
        expected, run("take", expected.shape, dtype, x, indices, None, shape[0], shape[1], count, shape[2], item)
    )


@given(shape=st.tuples(sizes, sizes), before=st.integers(0, 4), after=st.integers(0, 4), fill=st.integers(-127, 127),
       dtype=st.sampled_from(["int8", "int16", "float32"]))  # fmt: skip
def test_pad(run: Run, shape: tuple[int, int], before: int, after: int, fill: int, dtype: str) -> None:
    """pad_q and pad_f32 put a value before and after each row."""
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    expected = np.pad(x, [(0, 0), (before, after)], constant_values=fill)
    sizes = (shape[0], before, shape[1], after)
    if dtype == "float32":
        found = run("pad_f32", expected.shape, dtype, x, None, *sizes, float(fill))
    else:
        found = run("pad_q", expected.shape, dtype, x, None, *sizes, fill, 8 * x.itemsize)
    np.testing.assert_array_equal(expected, found)


@given(
    outer=sizes, count=sizes, gaps=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    starts=st.tuples(st.integers(0, 4), st.integers(0, 4)), item=st.sampled_from([1, 2, 4]),
)  # fmt: skip
def test_copy_blocks(
    run: Run, outer: int, count: int, gaps: tuple[int, int], starts: tuple[int, int], item: int
) -> None:
    """copy_blocks moves whole blocks between any two strides and touches nothing between them."""
    dtype = f"int{8 * item}"
    strides = [count + gap for gap in gaps]
    x = np.arange(starts[0] + outer * strides[0]).astype(dtype)
    expected = np.full(starts[1] + outer * strides[1], -1, dtype)
    for block in range(outer):
        source, target = starts[0] + block * strides[0], starts[1] + block * strides[1]
        expected[target : target + count] = x[source : source + count]
    sizes = (outer, count, starts[0], strides[0], starts[1], strides[1], item)
    np.testing.assert_array_equal(expected, run("copy_blocks", expected.shape, dtype, x, None, *sizes))


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("fixed_point.h", "(((int64_t)a * b) + ((int64_t)1 << 31)) >> 32", "((int64_t)a * b) >> 32"),
        ("memory.h", "(value < -128) ? -128", "(value < -127) ? -127"),
        ("linear.h", "int32_t acc = bias[o];", "int32_t acc = bias[0];"),
        ("linear.h", "k < in_width", "k + 1U < in_width"),
    ],
    ids=["no rounding", "one value too few", "one bias for all", "one tap too few"],
)
def test_a_fault_in_linear_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that rounds, saturates or sums in another way is told apart from its twin."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    faulty = integer_caller(
        Kernels(
            ["linear.h"], {"linear_q": SIGNATURES["linear_q"]}, {**kernel_files(), header: source.replace(right, wrong)}
        )
    )
    random = np.random.default_rng(0)
    x, weight = random.integers(-128, 128, (50, 9)), random.integers(-127, 128, (6, 9))
    bias, multiplier = random.integers(-5000, 5000, 6), random.integers(2**23, 2**25, 6)
    expected = linear.finish_accumulator(linear.dot_products(x, weight), bias, multiplier, 0, 0, "int8")
    actual = faulty(
        "linear_q", (50, 6), "int8", narrow(x, "int8"), narrow(weight, "int8"), narrow(bias, "int32"),
        narrow(multiplier, "int32"), None, 50, 9, 6, 8, 8, 0, 0,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected, actual)
