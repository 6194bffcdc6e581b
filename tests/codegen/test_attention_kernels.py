"""The kernels of attention, compiled for this machine, give the bytes of their numpy twins."""

from collections.abc import Callable
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, bits, float_caller, integer_caller, kernel_files, narrow
from strategies import (
    Integers,
    activation_types,
    attention_biases,
    attention_spans,
    float_tensors,
    multipliers,
    shifts,
    tensors,
    zero_point_of,
)

from smidgen.numerics import attention, float32, linear_attention, rotary
from smidgen.numerics.attention_span import AttentionSpan
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.float32.attention import HIDDEN_BIAS
from smidgen.numerics.quantization import QParams

Run = Callable[..., Integers]

BATCH = 2
SIGNATURES = {
    "attention_q": "ppppppuuuuuuuuuiiiiuuuuiiiiiiiii",
    "linear_attention_q": "ppppppuuuuuuuuiiiii",
    "rotary_q": "ppppuuuuuuuiiiii",
}
FLOAT_SIGNATURES = {
    "attention_f32": "ppppppuuuuuuuuuiiiif",
    "linear_attention_f32": "ppppppuuuuf",
    "rotary_f32": "ppppuuuuu",
}

sizes = st.integers(1, 9)


@pytest.fixture(scope="module")
def run() -> Run:
    """The integer kernels as they are shipped."""
    return integer_caller(Kernels(["attention.h", "linear_attention.h", "rotary.h"], SIGNATURES))


@pytest.fixture(scope="module")
def run_float() -> Run:
    """The float32 kernels as they are shipped."""
    return float_caller(Kernels(["attention_f32.h", "linear_attention_f32.h", "rotary_f32.h"], FLOAT_SIGNATURES))


@given(
    data=st.data(), q_type=activation_types, k_type=activation_types, v_type=activation_types, y_type=activation_types,
    queries=sizes, keys=st.integers(1, 30), groups=st.integers(1, 3), shared=st.integers(1, 2), width=sizes,
    v_width=sizes, span=attention_spans, peak=st.floats(0.05, 40.0),
)  # fmt: skip
def test_attention(
    run: Run, data: st.DataObject, q_type: str, k_type: str, v_type: str, y_type: str, queries: int, keys: int,
    groups: int, shared: int, width: int, v_width: int, span: AttentionSpan, peak: float,
) -> None:  # fmt: skip
    """attention_q equals its twin for every mix of widths, any span, bias and hidden pairs, heads that share keys."""
    dtypes, heads = (q_type, k_type, v_type), groups * shared
    scales = [QParams(dtype=dtype, scale=peak / integer_range(dtype)[1]) for dtype in dtypes]
    y_qparams = QParams(dtype=y_type, scale=peak / integer_range(y_type)[1], zero_point=5 if y_type == "int8" else 0)
    bias = data.draw(attention_biases(span, heads, queries, keys))
    most_keys = span.most_keys(queries, keys)
    p = attention.attention_parameters(
        *scales, y_qparams, width=width, keys=most_keys, scale=width**-0.5, bias=bias
    )  # fmt: skip
    constants = {f.name: getattr(p, f.name) for f in fields(p)}
    shapes = ((queries, heads, width), (keys, groups, width), (keys, groups, v_width))
    x = [data.draw(tensors(dtype, BATCH, *shape)) for dtype, shape in zip(dtypes, shapes, strict=True)]
    expected = attention.attention(
        *x, **asdict(span), **constants, zero_point=y_qparams.zero_point, dtype=y_type
    )  # fmt: skip
    shifts = [value for name, value in constants.items() if name != "bias"]
    stored = 0 if p.bias is None else narrow(p.bias, "int16")
    strides = (0, 0, 0, 0) if p.bias is None else span.bias_strides(p.bias, queries, keys)
    for i, y in enumerate(expected):
        operands = [narrow(values[i], dtype) for values, dtype in zip(x, dtypes, strict=True)]
        scores = np.empty(most_keys, np.int32)
        actual = run(
            "attention_q", y.shape, y_type, *operands, stored, None, scores, queries, keys, heads, groups, width,
            v_width, span.causal, span.window, span.offset, *strides, *bits(*dtypes, y_type), *shifts,
            y_qparams.zero_point,
        )  # fmt: skip
        np.testing.assert_array_equal(y, actual)


@given(
    data=st.data(), x_type=activation_types, y_type=activation_types, steps=sizes, heads=st.integers(1, 3),
    pairs=st.integers(1, 4), passed=st.integers(0, 3), interleaved=st.booleans(), table_bits=st.integers(0, 15),
    multiplier=multipliers, shift=shifts,
)  # fmt: skip
def test_rotary(
    run: Run, data: st.DataObject, x_type: str, y_type: str, steps: int, heads: int, pairs: int, passed: int,
    interleaved: bool, table_bits: int, multiplier: int, shift: int,
) -> None:  # fmt: skip
    """rotary_q equals its twin for any tables, also those that no angle gives; in place where widths agree."""
    width = 2 * pairs + passed
    x = data.draw(tensors(x_type, BATCH, steps, heads, width))
    tables = [data.draw(tensors("int16", 1, steps, 1, pairs)) for _ in range(2)]
    zeros = (zero_point_of(data.draw, x_type), zero_point_of(data.draw, y_type))
    expected = rotary.rotary(
        x, *tables, interleaved=interleaved, table_bits=table_bits, multiplier=multiplier, shift=shift,
        zero_points=zeros, dtype=y_type,
    )  # fmt: skip
    stored = [narrow(table, "int16") for table in tables]
    numbers = (steps, heads, width, pairs, interleaved, *bits(x_type, y_type), *zeros, table_bits, multiplier, shift)
    for sample, y in zip(x, expected, strict=True):
        buffer = narrow(sample, x_type)
        np.testing.assert_array_equal(y, run("rotary_q", y.shape, y_type, buffer, *stored, None, *numbers))
        if x_type == y_type:
            run("rotary_q", (0,), y_type, buffer, *stored, buffer, *numbers)
            np.testing.assert_array_equal(y, buffer)


few = st.integers(1, 4)


@given(
    data=st.data(), q_type=activation_types, k_type=activation_types, v_type=activation_types, y_type=activation_types,
    steps=sizes, heads=st.integers(1, 3), width=sizes, v_width=st.integers(1, 4), gain=st.floats(0.01, 10.0),
    decay=st.none() | st.floats(0.0, 0.999),
)  # fmt: skip
def test_linear_attention(
    run: Run, data: st.DataObject, q_type: str, k_type: str, v_type: str, y_type: str, steps: int, heads: int,
    width: int, v_width: int, decay: float | None, gain: float,
) -> None:  # fmt: skip
    """linear_attention_q equals its twin from any legal state, saturated or not, and leaves the same state."""
    dtypes = (q_type, k_type, v_type)
    scales = [QParams(dtype=dtype, scale=1.0 / integer_range(dtype)[1]) for dtype in dtypes]
    y_qparams = QParams(dtype=y_type, scale=gain / integer_range(y_type)[1], zero_point=5 if y_type == "int8" else 0)
    decays = None if decay is None else decay * np.linspace(1.0, 0.5, heads)
    p = linear_attention.linear_attention_parameters(
        *scales, y_qparams, width=width, steps=steps, scale=0.5, decay=decays
    )  # fmt: skip
    constants = {f.name: getattr(p, f.name) for f in fields(p)}
    x = [
        data.draw(tensors(dtype, BATCH, steps, heads, size))
        for dtype, size in zip(dtypes, (width, width, v_width), strict=True)
    ]
    state = data.draw(tensors("int16", BATCH, heads, v_width, width))
    before = state.copy()
    expected = linear_attention.linear_attention(
        *x, **constants, zero_point=y_qparams.zero_point, dtype=y_type, carried=state
    )  # fmt: skip
    shifts = [value for name, value in constants.items() if name != "decay"]
    stored = 0 if p.decay is None else narrow(p.decay, "int32")
    for i, y in enumerate(expected):
        operands = [narrow(values[i], dtype) for values, dtype in zip(x, dtypes, strict=True)]
        carried = narrow(before[i], "int32")
        actual = run(
            "linear_attention_q", y.shape, y_type, *operands, stored, None, carried, steps, heads, width, v_width,
            *bits(*dtypes, y_type), *shifts, y_qparams.zero_point,
        )  # fmt: skip
        np.testing.assert_array_equal(y, actual)
        np.testing.assert_array_equal(state[i], carried)


# ---- float32 ---------------------------------------------------------------------------------------------------------


@given(
    data=st.data(), queries=sizes, keys=sizes, groups=st.integers(1, 3), shared=st.integers(1, 2), width=sizes,
    v_width=sizes, scale=st.sampled_from([1.0, 0.25, 0.35355338]), span=attention_spans,
)  # fmt: skip
def test_float_attention(
    run_float: Run, data: st.DataObject, queries: int, keys: int, groups: int, shared: int, width: int, v_width: int,
    scale: float, span: AttentionSpan,
) -> None:  # fmt: skip
    """attention_f32 equals its twin for any span, bias and hidden pairs, with heads that share keys."""
    heads = groups * shared
    q, k = data.draw(float_tensors(BATCH, queries, heads, width)), data.draw(float_tensors(BATCH, keys, groups, width))
    v = data.draw(float_tensors(BATCH, keys, groups, v_width))
    real = data.draw(attention_biases(span, heads, queries, keys))
    bias = None if real is None else np.maximum(real, HIDDEN_BIAS).astype(np.float32)
    expected = float32.attention(q, k, v, scale=scale, **asdict(span), bias=bias)
    strides = (0, 0, 0, 0) if bias is None else span.bias_strides(bias, queries, keys)
    sizes = (queries, keys, heads, groups, width, v_width, span.causal, span.window, span.offset, *strides, scale)
    for i, y in enumerate(expected):
        scores = np.empty(span.most_keys(queries, keys), np.float32)
        stored = 0 if bias is None else bias
        assert_same_floats(y, run_float("attention_f32", y.shape, q[i], k[i], v[i], stored, None, scores, *sizes))


def test_what_a_bias_hides_may_be_infinite(run_float: Run) -> None:
    """Neither a hidden infinity nor a hidden NaN reaches the result, in the kernel as in the reference."""
    q, k = np.zeros((1, 2, 1, 1), np.float32), np.zeros((1, 3, 1, 1), np.float32)
    v = np.array([np.inf, 3.0, np.nan], np.float32).reshape(1, 3, 1, 1)
    bias = np.full((1, 2, 3), HIDDEN_BIAS, np.float32)
    bias[0, 0, 1] = 0.0  # the first query sees the second key, the other query none
    span = AttentionSpan()
    (expected,) = float32.attention(q, k, v, scale=1.0, **asdict(span), bias=bias)
    np.testing.assert_array_equal([3.0, 0.0], expected.reshape(-1))
    sizes = (2, 3, 1, 1, 1, 1, False, 0, 0, *span.bias_strides(bias, 2, 3), 1.0)
    scores = np.empty(3, np.float32)
    assert_same_floats(expected, run_float("attention_f32", (2, 1, 1), q[0], k[0], v[0], bias, None, scores, *sizes))


@given(
    data=st.data(), steps=sizes, heads=st.integers(1, 3), width=sizes, v_width=st.integers(1, 4), forgets=st.booleans()
)  # fmt: skip
def test_float_linear_attention(
    run_float: Run, data: st.DataObject, steps: int, heads: int, width: int, v_width: int, forgets: bool
) -> None:
    """linear_attention_f32 equals its twin from any state, with a decay or none, and leaves the same state."""
    q, k = data.draw(float_tensors(BATCH, steps, heads, width)), data.draw(float_tensors(BATCH, steps, heads, width))
    v, state = (
        data.draw(float_tensors(BATCH, steps, heads, v_width)),
        data.draw(float_tensors(BATCH, heads, v_width, width)),
    )
    decay = data.draw(float_tensors(heads)) if forgets else None
    carried = state.copy()
    expected = float32.linear_attention(q, k, v, scale=0.25, decay=decay, carried=carried)
    for i, y in enumerate(expected):
        memory = state[i].copy()
        stored = 0 if decay is None else decay
        sizes = (steps, heads, width, v_width, 0.25)
        assert_same_floats(
            y, run_float("linear_attention_f32", y.shape, q[i], k[i], v[i], stored, None, memory, *sizes)
        )
        assert_same_floats(carried[i], memory)


@given(
    data=st.data(), steps=sizes, heads=st.integers(1, 3), pairs=st.integers(1, 4), passed=st.integers(0, 3),
    interleaved=st.booleans(),
)  # fmt: skip
def test_float_rotary(
    run_float: Run, data: st.DataObject, steps: int, heads: int, pairs: int, passed: int, interleaved: bool
) -> None:
    """rotary_f32 equals its twin, also where it writes over its input."""
    x = data.draw(float_tensors(BATCH, steps, heads, 2 * pairs + passed))
    cos, sin = data.draw(float_tensors(1, steps, 1, pairs)), data.draw(float_tensors(1, steps, 1, pairs))
    expected = float32.rotary(x, cos, sin, interleaved=interleaved)
    sizes = (steps, heads, 2 * pairs + passed, pairs, interleaved)
    for sample, y in zip(x, expected, strict=True):
        assert_same_floats(y, run_float("rotary_f32", y.shape, sample, cos, sin, None, *sizes))
        buffer = sample.copy()
        run_float("rotary_f32", (0,), buffer, cos, sin, buffer, *sizes)
        assert_same_floats(y, buffer)


# ---- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("attention.h", "(added != INT16_MIN)", "(added > -16000)"),
        ("attention.h", "group = h / (heads / groups)", "group = h % groups"),
        ("attention_span.h", "((t - window) + 1U)", "(t - window)"),
        ("attention_span.h", "(t + 1U) :", "t :"),
        ("attention.h", "((uint32_t)decay + 0x8000U) >> 16", "(uint32_t)decay >> 16"),
    ],
    ids=["hides what is faint", "heads in turn", "a key too many", "not its own key", "weights cut off"],
)
def test_a_fault_in_attention_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that sees other keys, adds another bias or weighs in another way is told apart from its twin."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    faulty = integer_caller(
        Kernels(
            ["attention.h"], {"attention_q": SIGNATURES["attention_q"]},
            {**kernel_files(), header: source.replace(right, wrong)},
        )
    )  # fmt: skip
    random = np.random.default_rng(0)
    span, q_qparams = AttentionSpan(causal=True, window=5), QParams(dtype="int16", scale=3.0 / 32767)
    bias = np.array([[0.0, -0.4, -0.6, -0.9, -1.0]])
    p = attention.attention_parameters(
        *[q_qparams] * 4, width=4, keys=5, scale=0.5, bias=bias
    )  # fmt: skip
    constants = {f.name: getattr(p, f.name) for f in fields(p)}
    x = [random.integers(-32767, 32768, (1, 12, heads, 4)) for heads in (4, 2, 2)]
    expected = attention.attention(*x, **asdict(span), **constants, zero_point=0, dtype="int16")
    assert p.bias is not None
    actual = faulty(
        "attention_q", (12, 4, 4), "int16", *(narrow(z[0], "int16") for z in x), narrow(p.bias, "int16"), None,
        np.empty(6, np.int32), 12, 12, 4, 2, 4, 4, True, 5, 0, *span.bias_strides(p.bias, 12, 12), 16, 16, 16, 16,
        *(value for name, value in constants.items() if name != "bias"), 0,
    )  # fmt: skip
    with pytest.raises(AssertionError, match="Mismatched elements"):
        np.testing.assert_array_equal(expected[0], actual)
