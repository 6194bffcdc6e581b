"""Every kernel of a recurrence, compiled for this machine, gives the bytes of its numpy twin, states included."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from kernel_library import Kernels, assert_same_floats, kernel_files
from numpy.typing import NDArray
from strategies import Integers, activation_types, qparams, tensors, weights

from smidgen.errors import GraphError
from smidgen.numerics import float32, gru, lstm, rnn, scan
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN, RecurrentParameters, recurrent_parameters

Floats = NDArray[np.float32]

BATCH = 2
HEADERS = (
    "gru.h",
    "lstm.h",
    "rnn.h",
    "selective_scan.h",
    "gru_f32.h",
    "lstm_f32.h",
    "rnn_f32.h",
    "selective_scan_f32.h",
)
SIGNATURES = {
    "selective_scan_q": "ppppppppppuuuuuuuuuuuuiiuuiu",
    "gru_q": "pppppppuuiiiu",
    "lstm_q": "ppppppppuuiiiiu",
    "rnn_q": "pppppppuuiiiuu",
    "selective_scan_f32": "ppppppppuuuuuuu",
    "gru_f32": "ppppppuuu",
    "lstm_f32": "pppppppuuu",
    "rnn_f32": "ppppppuuuu",
}

sizes = st.integers(1, 9)
steps_of_a_window = st.integers(1, 12)
widths = st.integers(1, 20)


@pytest.fixture(scope="module")
def kernels() -> Kernels:
    """All kernels as they are shipped."""
    return Kernels(HEADERS, SIGNATURES)


def typed(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Return an array in the type in which C reads it; it must fit."""
    narrow = np.ascontiguousarray(array, dtype)
    assert np.array_equal(narrow, array)
    return narrow


def bits(*dtypes: str) -> list[int]:
    """Return the widths of types as kernels take them."""
    return [8 * np.dtype(dtype).itemsize for dtype in dtypes]


@st.composite
def scans(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Channels, heads, groups, states per channel."""
    heads, groups = draw(st.integers(1, 4)), draw(st.integers(1, 2))
    channels = draw(st.integers(1, 3)) * int(np.lcm(heads, groups))
    return channels, heads, groups, draw(st.sampled_from([1, 2, 3, 8, 16]))


scan_shapes = scans()


# ---- selective scan --------------------------------------------------------------------------------------------------


@given(
    data=st.data(), u_type=activation_types, y_type=activation_types, steps=steps_of_a_window, shape=scan_shapes,
    form=st.sampled_from(["each", "equal", "powers"]), scale_bits=st.floats(-14.0, -4.0),
    peak_bits=st.floats(-12.0, 8.0), reverse=st.booleans(), state_type=st.sampled_from(["int32", "int16"]),
    apart=st.booleans(),
)  # fmt: skip
def test_selective_scan(
    kernels: Kernels, data: st.DataObject, u_type: str, y_type: str, steps: int, shape: tuple[int, int, int, int],
    form: str, scale_bits: float, peak_bits: float, reverse: bool, state_type: str,
    apart: bool,
) -> None:  # fmt: skip
    """selective_scan_q equals its twin with heads and groups, both ways, also where states and outputs saturate."""
    channels, heads, groups, states = shape
    random = np.random.default_rng(channels * states)
    rates = np.exp(random.normal(size=(heads if apart else 1, states)) * 2).repeat(1 if apart else heads, axis=0)
    if form != "each":
        rates = rates[:, :1] * (np.ones(states) if form == "equal" else np.arange(1, states + 1))
    wide = QParams(dtype="int16", scale=2.0**scale_bits)
    y_qparams = data.draw(qparams(y_type, low=-10.0, high=0.0))
    try:
        p = scan.scan_parameters(
            -rates, random.normal(size=channels),
            2.0 ** (peak_bits + random.normal(size=channels)),
            u=data.draw(qparams(u_type, symmetric=True, low=-10.0, high=0.0)), delta=wide, B=wide, C=wide, y=y_qparams,
            state=state_type,
        )  # fmt: skip
    except GraphError:
        reject()
    assume(p.drive_shift < 30)  # a graph refuses more
    shapes = {"u": channels, "delta": heads, "B": groups * states, "C": groups * states}
    dtypes = {"u": u_type, "delta": "int16", "B": "int16", "C": "int16"}
    x = {name: data.draw(tensors(dtypes[name], BATCH, steps, size)) for name, size in shapes.items()}
    arguments = {f.name: getattr(p, f.name) for f in fields(p)}
    before = random.integers(-(2**p.state_bits), 2**p.state_bits, (BATCH, channels, states))
    before -= before % 2 if state_type == "int32" else 0
    after, dithers = before.copy(), random.integers(0, 4096, (BATCH, 1))
    dither_after = dithers.copy()
    expected = scan.selective_scan(
        *x.values(), **arguments, zero_point=y_qparams.zero_point, dtype=y_type, groups=groups, reverse=reverse,
        carried=after, dither=dither_after,
    )  # fmt: skip
    multipliers = np.stack([arguments[f"{role}_multiplier"] for role in ("drive", "output", "skip")], axis=1)
    constants = [typed(p.decay_multiplier, "int32"), typed(multipliers, "int32")]
    for i, y in enumerate(expected):
        operands = [typed(values[i], dtypes[name]) for name, values in x.items()]
        actual, state = np.full(y.shape, -1, y_type), typed(before[i], state_type)
        dither = typed(dithers[i], "int32")
        kernels(
            "selective_scan_q", *operands, *constants, actual, state, dither, np.full(5 * states, -1, np.int32), steps,
            channels, heads, groups, states, *p.decay_multiplier.shape[::-1], p.chain, *bits(u_type, y_type),
            p.fraction_bits, p.product_shift, p.drive_shift, p.output_shift, p.state_width, p.state_bits,
            y_qparams.zero_point, reverse,
        )  # fmt: skip
        np.testing.assert_array_equal(y, actual)
        np.testing.assert_array_equal(after[i], state)
        np.testing.assert_array_equal(dither_after[i] if state_type == "int16" else dithers[i], dither)


@given(
    data=st.data(), steps=sizes, shape=scan_shapes, equal=st.booleans(), decaying=st.booleans(), reverse=st.booleans()
)  # fmt: skip
def test_float_selective_scan(
    kernels: Kernels, data: st.DataObject, steps: int, shape: tuple[int, int, int, int], equal: bool, decaying: bool,
    reverse: bool,
) -> None:  # fmt: skip
    """selective_scan_f32 equals its twin with heads and groups, both ways; with A of any sign too."""
    channels, heads, groups, states = shape
    u, delta = data.draw(floats(BATCH, steps, channels)), data.draw(floats(BATCH, steps, heads))
    B, C = data.draw(floats(BATCH, steps, groups * states)), data.draw(floats(BATCH, steps, groups * states))
    A, D = data.draw(floats(heads, 1 if equal else states)), data.draw(floats(channels))
    if decaying:
        delta, A = np.abs(delta), -np.abs(A)
    before = data.draw(floats(BATCH, channels, states))
    after = before.copy()
    expected = float32.selective_scan(u, delta, B, C, A, D, groups=groups, reverse=reverse, carried=after)
    for i, y in enumerate(expected):
        actual, state = np.full_like(y, -1), before[i].copy()
        kernels(
            "selective_scan_f32", u[i], delta[i], B[i], C[i], A, D, actual, state, steps, channels, heads, groups,
            states, A.shape[1], reverse,
        )  # fmt: skip
        assert_same_floats(y, actual)
        assert_same_floats(after[i], state)


# ---- GRU, LSTM, RNN --------------------------------------------------------------------------------------------------


@st.composite
def layers(
    draw: st.DrawFn, gates: int, width: int, sum_steps: NDArray[np.float64], hidden: QParams
) -> tuple[Integers, RecurrentParameters]:
    """Recurrent weights with their parameters, gates saturated or not."""
    rows = gates * width
    weight, random = draw(weights(rows, width)), np.random.default_rng(width)
    scale = 2.0 ** (draw(st.floats(-10.0, 2.0)) + random.normal(size=rows))
    projected = draw(qparams("int16", low=-14.0, high=-8.0))
    return weight, recurrent_parameters(
        weight, scale, random.normal(size=rows), projected=projected, hidden=hidden, steps=sum_steps, what="layer"
    )


def check_layer(
    kernels: Kernels,
    kernel: str,
    projected: Integers,
    layer: tuple[Integers, RecurrentParameters],
    states: list[Integers],
    run: Callable[..., Any],
    scalars: list[int],
) -> None:
    """Compare hidden states and what is carried on, whatever output and scratch held before."""
    weight, p = layer
    after = [state.copy() for state in states]
    arguments = {f.name: getattr(p, f.name) for f in fields(p) if f.name != "accumulator_bound"}
    expected = run(projected, weight, **arguments, carried=tuple(after) if len(after) > 1 else after[0])
    constants = [typed(weight, "int8"), typed(p.bias, "int32"), typed(p.multiplier, "int32")]
    batch, steps, rows = projected.shape
    for i in range(batch):
        actual = np.full((steps, weight.shape[1]), -1, np.int16)
        held = [typed(state[i], "int16") for state in states]
        kernels(
            kernel, typed(projected[i], "int16"), *constants, actual, *held, np.full(rows, -1, np.int32), steps,
            weight.shape[1], p.input_multiplier, p.shift, *scalars,
        )  # fmt: skip
        np.testing.assert_array_equal(expected[i], actual)
        for state, kept in zip(after, held, strict=True):
            np.testing.assert_array_equal(state[i], kept)


@given(
    data=st.data(), steps=steps_of_a_window, width=widths, hidden_shift=st.integers(0, 6), reverse=st.booleans()
)  # fmt: skip
def test_gru(kernels: Kernels, data: st.DataObject, steps: int, width: int, hidden_shift: int, reverse: bool) -> None:
    """gru_q equals its twin from any state, in both directions, in every scale of the state."""
    hidden = QParams(dtype="int16", scale=HIDDEN.scale * 2**hidden_shift)
    layer = data.draw(layers(3, width, gru.sum_steps(width), hidden))
    projected, state = (data.draw(tensors("int16", BATCH, *shape)) for shape in ((steps, 3 * width), (width,)))
    given = {"hidden_shift": hidden_shift, "reverse": reverse}
    check_layer(
        kernels, "gru_q", projected, layer, [state], lambda *args, **kw: gru.gru(*args, **kw, **given),
        [hidden_shift, reverse],
    )  # fmt: skip


@given(
    data=st.data(), steps=steps_of_a_window, width=widths, hidden_shift=st.integers(0, 6),
    cell_bits=st.integers(0, 15), reverse=st.booleans(),
)  # fmt: skip
def test_lstm(
    kernels: Kernels, data: st.DataObject, steps: int, width: int, hidden_shift: int, cell_bits: int, reverse: bool
) -> None:
    """lstm_q equals its twin from any states, in both directions, in every scale of hidden state and cell."""
    hidden = QParams(dtype="int16", scale=HIDDEN.scale * 2**hidden_shift)
    layer = data.draw(layers(4, width, lstm.sum_steps(width), hidden))
    projected, *states = (data.draw(tensors("int16", BATCH, *s)) for s in ((steps, 4 * width), (width,), (width,)))
    given = {"hidden_shift": hidden_shift, "cell_bits": cell_bits, "reverse": reverse}
    check_layer(
        kernels, "lstm_q", projected, layer, states, lambda *args, **kw: lstm.lstm(*args, **kw, **given)[0],
        [hidden_shift, cell_bits, reverse],
    )  # fmt: skip


@given(
    data=st.data(), steps=steps_of_a_window, width=widths, hidden_shift=st.integers(0, 6), relu=st.booleans(),
    reverse=st.booleans(),
)  # fmt: skip
def test_rnn(
    kernels: Kernels, data: st.DataObject, steps: int, width: int, hidden_shift: int, relu: bool, reverse: bool
) -> None:
    """rnn_q equals its twin from any state, in both directions, for tanh and relu."""
    hidden = QParams(dtype="int16", scale=HIDDEN.scale * 2**hidden_shift)
    layer = data.draw(layers(1, width, rnn.sum_steps(width, hidden, relu=relu), hidden))
    projected, state = (data.draw(tensors("int16", BATCH, *shape)) for shape in ((steps, width), (width,)))
    given = {"hidden_shift": hidden_shift, "relu": relu, "reverse": reverse}
    check_layer(
        kernels, "rnn_q", projected, layer, [state], lambda *args, **kw: rnn.rnn(*args, **kw, **given),
        [hidden_shift, relu, reverse],
    )  # fmt: skip


# ---- float32 ---------------------------------------------------------------------------------------------------------


@st.composite
def floats(draw: st.DrawFn, *shape: int) -> Floats:
    """Finite float32 tensors: around one, at one magnitude, or of every magnitude at once, subnormals included."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    match draw(st.sampled_from(["ordinary", "scaled", "any bits"])):
        case "ordinary":
            return random.normal(size=shape).astype(np.float32)
        case "scaled":
            return (random.normal(size=shape) * 10.0 ** draw(st.integers(-42, 37))).astype(np.float32)
    values = random.integers(0, 2**32, size=shape, dtype=np.uint32).view(np.float32)
    return np.where(np.isfinite(values), values, np.float32(0.0))


FLOAT_LAYERS: dict[str, tuple[int, int, Callable[..., Any], list[int]]] = {
    "gru_f32": (3, 1, float32.gru, []),
    "lstm_f32": (4, 2, lambda *args, **kw: float32.lstm(*args, **kw)[0], []),
    "rnn_f32": (1, 1, lambda *args, **kw: float32.rnn(*args, **kw, relu=True), [1]),
}


@pytest.mark.parametrize("kernel", FLOAT_LAYERS)
@given(data=st.data(), steps=sizes, width=sizes, reverse=st.booleans())
def test_float_layers(
    kernels: Kernels, kernel: str, data: st.DataObject, steps: int, width: int, reverse: bool
) -> None:
    """gru_f32, lstm_f32 and rnn_f32 equal their twins from any state, in both directions."""
    gates, n_states, twin, flags = FLOAT_LAYERS[kernel]
    rows = gates * width
    projected, weight, bias = (data.draw(floats(*shape)) for shape in ((BATCH, steps, rows), (rows, width), (rows,)))
    before = [data.draw(floats(BATCH, width)) for _ in range(n_states)]
    after = [state.copy() for state in before]
    expected = twin(projected, weight, bias, reverse=reverse, carried=tuple(after) if n_states > 1 else after[0])
    for i, y in enumerate(expected):
        actual, held = np.full_like(y, -1), [state[i].copy() for state in before]
        scratch = np.full(rows, np.nan, np.float32)
        kernels(kernel, projected[i], weight, bias, actual, *held, scratch, steps, width, *flags, reverse)
        assert_same_floats(y, actual)
        for state, kept in zip(after, held, strict=True):
            assert_same_floats(state[i], kept)


@pytest.mark.parametrize(
    ("header", "right", "wrong"),
    [
        ("gates.h", "(left * 1024) +", "(left * 1024) -"),
        ("gates.h", "int32_t total = bias[g];", "int32_t total = bias[0];"),
        ("lstm.h", "const uint32_t f = width + i;", "const uint32_t f = i;"),
        ("lstm.h", "(keep * cell[i]) + fresh, 15)", "(keep * cell[i]) + fresh, 14)"),
    ],
    ids=["interpolation", "one bias for all", "one gate for another", "scale of the cell"],
)
def test_a_fault_in_the_lstm_is_caught(header: str, right: str, wrong: str) -> None:
    """A kernel that gates, sums or scales in another way is told apart from its twin."""
    source = kernel_files()[header]
    assert source.count(right) == 1
    faulty = Kernels(
        ["lstm.h"], {"lstm_q": SIGNATURES["lstm_q"]}, {**kernel_files(), header: source.replace(right, wrong)}
    )
    random, width = np.random.default_rng(0), 5
    weight = random.integers(-127, 128, (4 * width, width))
    p = recurrent_parameters(
        weight, np.full(4 * width, 0.01), random.normal(size=4 * width),
        projected=QParams(dtype="int16", scale=2.0**-12), hidden=HIDDEN, steps=lstm.sum_steps(width), what="lstm",
    )  # fmt: skip
    projected = random.integers(-9000, 9000, (1, 6, 4 * width))
    states = [np.zeros((1, width), np.int64) for _ in range(2)]

    def twin(*args: Any, **given: Any) -> Integers:
        return lstm.lstm(*args, **given, cell_bits=12)[0]

    with pytest.raises(AssertionError, match="Mismatched elements"):
        check_layer(faulty, "lstm_q", projected, (weight, p), states, twin, [0, 12, 0])
