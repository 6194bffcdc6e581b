"""GRU, LSTM and RNN in integers against float64 on the same integer inputs and weights."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics import gru, lstm, recurrent, rnn
from smidgen.numerics.quantization import QParams
from smidgen.numerics.recurrent import HIDDEN, RecurrentParameters, power_of_two_state, recurrent_parameters

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
States = tuple[Floats, ...]

PROJECTED = QParams(dtype="int16", scale=2.0**-12)
#: A rectified state is not bounded: this one holds +-8.
RECTIFIED = QParams(dtype="int16", scale=2.0**-12)
WIDTH = 16


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def gru_step(row: Floats, weight: Floats, bias: Floats, h: Floats) -> States:
    """torch.nn.GRU: the update gate keeps, b_hn is inside the reset product."""
    reset_in, update_in, candidate_in = np.split(row, 3, axis=1)
    reset_h, update_h, candidate_h = np.split(h @ weight.T + bias, 3, axis=1)
    update = sigmoid(update_in + update_h)
    candidate = np.tanh(candidate_in + sigmoid(reset_in + reset_h) * candidate_h)
    return (update * h + (1 - update) * candidate,)


def lstm_step(row: Floats, weight: Floats, bias: Floats, h: Floats, c: Floats) -> States:
    """torch.nn.LSTM, gates in the order input, forget, cell, output."""
    take, keep, candidate, give = np.split(row + h @ weight.T + bias, 4, axis=1)
    c = sigmoid(keep) * c + sigmoid(take) * np.tanh(candidate)
    return sigmoid(give) * np.tanh(c), c


def tanh_step(row: Floats, weight: Floats, bias: Floats, h: Floats) -> States:
    return (np.tanh(row + h @ weight.T + bias),)


def relu_step(row: Floats, weight: Floats, bias: Floats, h: Floats) -> States:
    return (np.maximum(row + h @ weight.T + bias, 0),)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One recurrence in both arithmetics."""

    gates: int
    step: Callable[..., States]
    run: Callable[..., Any]
    sum_steps: Callable[[int], Floats]
    hidden: QParams = HIDDEN
    cell: QParams | None = None

    @property
    def states(self) -> tuple[QParams, ...]:
        return (self.hidden,) if self.cell is None else (self.hidden, self.cell)


CELL = lstm.cell_qparams(1.9)  # the largest cell of the runs below
KINDS = {
    "gru": Kind(gates=3, step=gru_step, run=gru.gru, sum_steps=gru.sum_steps),
    "lstm": Kind(
        gates=4, step=lstm_step, sum_steps=lstm.sum_steps, cell=CELL,
        run=lambda *args, **given: lstm.lstm(*args, **given, cell_bits=lstm.cell_bits(CELL))[0],
    ),
    "rnn tanh": Kind(
        gates=1, step=tanh_step, run=lambda *args, **given: rnn.rnn(*args, **given, relu=False),
        sum_steps=lambda width: rnn.sum_steps(width, HIDDEN, relu=False),
    ),
    "rnn relu": Kind(
        gates=1, step=relu_step, run=lambda *args, **given: rnn.rnn(*args, **given, relu=True), hidden=RECTIFIED,
        sum_steps=lambda width: rnn.sum_steps(width, RECTIFIED, relu=True),
    ),
}  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


class Layer:
    """One layer with random weights on both rungs."""

    def __init__(self, kind: Kind, *, steps: int, strength: float = 1.0, batch: int = 4) -> None:
        rows = kind.gates * WIDTH
        random = np.random.default_rng(steps)
        self.kind = kind
        self.weight = random.integers(-127, 128, (rows, WIDTH))
        self.scale = np.full(rows, strength / WIDTH**0.5 / 64)
        self.bias = random.normal(size=rows) * 0.1
        self.projected = PROJECTED.quantize(random.normal(size=(batch, steps, rows)) * strength)
        self.parameters = recurrent_parameters(
            self.weight, self.scale, self.bias,
            projected=PROJECTED, hidden=kind.hidden, steps=kind.sum_steps(WIDTH), what="layer",
        )  # fmt: skip

    def integers(self, projected: Integers | None = None, **given: Any) -> Floats:
        """Return the hidden states as real numbers."""
        found = self.kind.run(
            self.projected if projected is None else projected, self.weight, **arguments(self.parameters), **given
        )
        return self.kind.hidden.dequantize(found)

    def exact(self, *, reverse: bool = False, first: States | None = None) -> Floats:
        """Return the hidden states in float64."""
        rows = PROJECTED.dequantize(self.projected)
        states = first or (np.zeros((len(rows), WIDTH)),) * len(self.kind.states)
        y = np.empty((*rows.shape[:2], WIDTH))
        for t in range(rows.shape[1])[:: -1 if reverse else 1]:
            states = self.kind.step(rows[:, t], self.weight * self.scale[:, None], self.bias, *states)
            y[:, t] = states[0]
        return y


def arguments(p: RecurrentParameters) -> dict[str, Any]:
    """Return the parameters as arguments of a recurrence."""
    return {f.name: getattr(p, f.name) for f in fields(p) if f.name != "accumulator_bound"}


def sqnr_db(found: Floats, exact: Floats) -> float:
    return float(10 * np.log10((exact**2).sum() / ((found - exact) ** 2).sum()))


#: What long runs keep, by kind; 60 dB are asked for. A cell of +-4 and a relu state of +-8 have coarser steps than +-1.
FLOOR_DB = {"gru": 84.0, "lstm": 74.0, "rnn tanh": 89.0, "rnn relu": 73.0}


@pytest.mark.parametrize("steps", [20, 500])
@pytest.mark.parametrize("strength", [0.5, 1.0])
@pytest.mark.parametrize("name", KINDS)
def test_recurrences_keep_their_precision(name: str, steps: int, strength: float) -> None:
    """At least 84 dB for a GRU, 74 for an LSTM, 89 and 73 for tanh and relu, and in the last quarter of 500 steps."""
    if name == "rnn relu" and strength == 1.0:
        strength = 0.4  # a rectifier with these weights would grow without bound
    layer = Layer(KINDS[name], steps=steps, strength=strength)
    found, exact = layer.integers(), layer.exact()
    last = slice(-steps // 4, None)
    assert sqnr_db(found, exact) >= FLOOR_DB[name]
    assert sqnr_db(found[:, last], exact[:, last]) >= FLOOR_DB[name] - 1.0


@every_kind
def test_a_layer_may_run_backwards(kind: Kind) -> None:
    """With `reverse` step t sees the steps after it: the layer on flipped inputs, flipped."""
    layer = Layer(kind, steps=15, strength=0.5)
    np.testing.assert_array_equal(layer.integers(layer.projected[:, ::-1])[:, ::-1], layer.integers(reverse=True))
    assert sqnr_db(layer.integers(reverse=True), layer.exact(reverse=True)) >= 65.0


@every_kind
def test_a_layer_goes_on_from_its_state(kind: Kind) -> None:
    """Parts of a window after each other, states carried along, give the bytes of the whole window."""
    layer = Layer(kind, steps=20, strength=0.5)
    carried = [np.zeros((4, WIDTH), np.int64) for _ in kind.states]
    state: Any = tuple(carried) if len(carried) > 1 else carried[0]
    parts = [layer.integers(layer.projected[:, start : start + 4], carried=state) for start in range(0, 20, 4)]
    np.testing.assert_array_equal(layer.integers(), np.concatenate(parts, axis=1))
    assert all(np.any(array != 0) for array in carried)


@every_kind
def test_a_first_state_beyond_one_takes_coarser_steps(kind: Kind) -> None:
    """A hidden state that starts at up to 3 is held in steps of 2**-13, and still follows float64."""
    if kind.hidden is RECTIFIED:
        return
    hidden = power_of_two_state(3.0, HIDDEN.scale)
    assert hidden.scale == 2.0**-13
    layer = Layer(kind, steps=10)
    layer.parameters = recurrent_parameters(
        layer.weight, layer.scale, layer.bias,
        projected=PROJECTED, hidden=hidden, steps=kind.sum_steps(WIDTH), what="layer",
    )  # fmt: skip
    qparams = (hidden, *kind.states[1:])
    carried = [p.quantize(np.random.default_rng(3).uniform(-3, 3, (4, WIDTH))) for p in qparams]
    first = tuple(p.dequantize(state) for p, state in zip(qparams, carried, strict=True))
    state: Any = tuple(carried) if len(carried) > 1 else carried[0]
    found = layer.integers(carried=state, hidden_shift=2) * 4
    assert sqnr_db(found, layer.exact(first=first)) >= 65.0


@every_kind
def test_extremes_never_wrap(kind: Kind) -> None:
    """Inputs and weights at their ends saturate: the state keeps its sign and its range."""
    layer = Layer(kind, steps=50)
    layer.weight = np.full_like(layer.weight, 127)
    layer.parameters = recurrent_parameters(
        layer.weight, np.full(len(layer.weight), 1.0), np.zeros(len(layer.weight)),
        projected=PROJECTED, hidden=kind.hidden, steps=kind.sum_steps(WIDTH), what="layer",
    )  # fmt: skip
    for end in (-32767, 32767):
        found = layer.integers(np.full((1, 50, len(layer.weight)), end)) / kind.hidden.scale
        assert np.abs(found).max() <= 32767
        assert np.all(np.sign(found) == (0 if end < 0 and kind.hidden is RECTIFIED else np.sign(found[:, :1])))


@pytest.mark.parametrize("peak", [1e-4, 0.5, 1.0, 3.0, 100.0])
def test_a_cell_holds_twice_its_peak(peak: float) -> None:
    """Its scale is a power of two, no finer than Q15, and no coarser than twice the peak asks for."""
    cell = lstm.cell_qparams(peak)
    assert cell.scale == 2.0 ** -lstm.cell_bits(cell)
    assert cell.scale * 32767 >= 2 * peak
    assert cell.scale == 2.0**-15 or cell.scale * 32767 < 4 * peak


def test_a_truncating_shift_misses_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: with a shift that does not round, a long LSTM drifts below what it must keep."""
    for module in (lstm, recurrent):
        monkeypatch.setattr(module, "rounded_shift", lambda value, shift: np.asarray(value) >> shift)
    layer = Layer(KINDS["lstm"], steps=500)
    assert sqnr_db(layer.integers(), layer.exact()) < FLOOR_DB["lstm"]


def test_a_wide_layer_that_may_overflow_is_refused() -> None:
    """517 hidden units under weights of 127 exceed 31 bits."""
    with pytest.raises(GraphError, match="layer: the accumulator can reach"):
        recurrent_parameters(
            np.full((3, 517), 127), np.ones(3), np.zeros(3),
            projected=PROJECTED, hidden=HIDDEN, steps=gru.sum_steps(1), what="layer",
        )  # fmt: skip
