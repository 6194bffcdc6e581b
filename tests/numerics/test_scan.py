"""The integer selective scan against float64: signal to noise, no drift, what is left without input, saturation."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics import scan, scan_state
from smidgen.numerics.quantization import QParams, qparams_for_range
from smidgen.numerics.scan import ScanParameters, distinct_decays, scan_parameters, selective_scan

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Signals = dict[str, Floats]

CALIBRATED_STEPS = 500


def reference(x: Signals, A: Floats, D: Floats) -> tuple[Floats, Floats]:
    """Return y (b, t, d) and the states (b, t, d, n) of the scan in float64 (Gu & Dao 2023, Algorithm 2)."""
    h = np.zeros((len(x["u"]), *A.shape))
    y, states = [], []
    for u, delta, B, C in zip(*(np.moveaxis(x[name], 1, 0) for name in ("u", "delta", "B", "C")), strict=True):
        h = np.exp(delta[:, :, None] * A) * h + (delta * u)[:, :, None] * B[:, None, :]
        y.append((h * C[:, None, :]).sum(-1) + D * u)
        states.append(h)
    return np.stack(y, axis=1), np.stack(states, axis=1)


def run(
    x: Signals, A: Floats, D: Floats, *, u_type: str = "int16", y_type: str = "int16", state: str = "int32"
) -> tuple[Floats, Floats]:
    """Calibrate on the first steps and scan all in integers; return that, and float64 on the same integers."""
    qparams = {
        name: qparams_for_range(values.min(), values.max(), u_type if name == "u" else "int16", symmetric=True)
        for name, values in x.items()
    }
    integers = {name: qparams[name].quantize(values) for name, values in x.items()}
    exact, states = reference({name: qparams[name].dequantize(values) for name, values in integers.items()}, A, D)
    y = qparams_for_range(exact.min(), exact.max(), y_type, symmetric=True)
    peak = np.abs(states[:, :CALIBRATED_STEPS]).max(axis=(0, 1, 3))
    p = scan_parameters(A, D, peak, **qparams, y=y, state=state)
    found = selective_scan(*(integers[name] for name in ("u", "delta", "B", "C")), **arguments(p), dtype=y_type)
    return y.dequantize(found), exact


def arguments(p: ScanParameters) -> dict[str, Any]:
    """Return the parameters as arguments of `selective_scan`."""
    return {f.name: getattr(p, f.name) for f in fields(p)} | {"zero_point": 0}


def sqnr_db(found: Floats, exact: Floats) -> float:
    """Return the signal to quantisation noise ratio."""
    return float(10 * np.log10((exact**2).sum() / ((found - exact) ** 2).sum()))


def signals(*, steps: int, d: int = 6, n: int = 8, slowest: float = 1e-3, constant: bool = False) -> Signals:
    """Return inputs as a Mamba block makes them: delta log-uniform from `slowest` on, the rest normal or constant."""
    random = np.random.default_rng(d * n)
    shapes = {"u": (2, steps, d), "B": (2, steps, n), "C": (2, steps, n)}
    x = {name: np.ones(shape) if constant else random.normal(size=shape) for name, shape in shapes.items()}
    typical = np.exp(random.uniform(np.log(slowest), np.log(100 * slowest), (1, 1, d)))
    x["delta"] = typical * np.exp((0.0 if constant else 0.3) * random.normal(size=(2, steps, d)))
    return x


def s4d_real(d: int = 6, n: int = 8) -> Floats:
    """Return A as a Mamba starts with: -1..-n in every channel."""
    return -np.tile(np.arange(1.0, n + 1), (d, 1))


#: What long runs must keep, by type of the state and kind of input: 60 dB are asked for, a shift that truncates stays
#: below. 16 bits are used to a quarter after calibration, for states that grow.
FLOOR_DB = {
    ("int32", "noise"): 85.0,
    ("int32", "constant"): 94.0,
    ("int16", "noise"): 80.0,
    ("int16", "constant"): 81.0,
}

long_runs = pytest.mark.parametrize(
    ("slowest", "state", "kind"), [(slowest, *case) for slowest in (1e-4, 1e-3) for case in FLOOR_DB]
)
state_types = pytest.mark.parametrize("state", ["int32", "int16"])


@long_runs
@pytest.mark.parametrize("u_type", ["int8", "int16"])
def test_the_scan_keeps_60_db_over_four_times_its_length(slowest: float, state: str, kind: str, u_type: str) -> None:
    """80 dB and more on noise and constant drive over 4 times the calibrated length; the last quarter is no worse."""
    x = signals(steps=4 * CALIBRATED_STEPS, slowest=slowest, constant=kind == "constant")
    found, exact = run(x, s4d_real(), np.ones(6), u_type=u_type, state=state)
    first, last = (
        sqnr_db(found[:, part], exact[:, part]) for part in (slice(CALIBRATED_STEPS), slice(-CALIBRATED_STEPS, None))
    )
    assert sqnr_db(found, exact) >= FLOOR_DB[state, kind]
    assert last >= first - 3.0


@pytest.mark.parametrize("slowest", [1e-4, 1e-3])
@pytest.mark.parametrize("kind", ["noise", "constant"])
def test_a_floor_shift_fails(slowest: float, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: with shifts that truncate, the same runs miss the same floors."""
    for module in (scan, scan_state):
        monkeypatch.setattr(module, "rounded_shift", lambda value, shift: np.asarray(value) >> shift)
    hold_dither(monkeypatch, 0)
    x = signals(steps=4 * CALIBRATED_STEPS, slowest=slowest, constant=kind == "constant")
    for state in ("int32", "int16"):
        assert sqnr_db(*run(x, s4d_real(), np.ones(6), state=state)) < FLOOR_DB[state, kind]


def test_16_bits_to_the_nearest_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: without dither a slow state of 16 bits under a constant drive keeps 44 dB only, and drifts."""
    hold_dither(monkeypatch, scan_state.DITHER_FIRST)
    x = signals(steps=4 * CALIBRATED_STEPS, slowest=1e-4, constant=True)
    found, exact = run(x, s4d_real(), np.ones(6), state="int16")
    first, last = (sqnr_db(found[:, part], exact[:, part]) for part in (slice(200), slice(-200, None)))
    assert sqnr_db(found, exact) < 45.0
    assert last < first - 3.0


def hold_dither(monkeypatch: pytest.MonkeyPatch, value: int) -> None:
    """Round every step of 16 bits as `value` says."""
    monkeypatch.setattr(scan, "DITHER_FIRST", value)
    monkeypatch.setattr(scan, "next_dither", lambda dither: dither)


def test_dither_takes_every_value_evenly() -> None:
    """4096 steps take each value once, and no two of any 21 are nearer than a thirty-fourth."""
    taken = [np.array([scan_state.DITHER_FIRST])]
    for _ in range(4095):
        taken.append(scan_state.next_dither(taken[-1]))
    values = np.concatenate(taken)
    assert sorted(values) == list(range(4096))
    for start in range(0, 4075, 97):
        run_of_21 = np.sort(values[start : start + 21])
        assert np.diff(run_of_21).min() >= 4096 / 34 - 1


@pytest.mark.parametrize("n", [1, 3, 16, 64, 128])
@state_types
def test_any_number_of_states_keeps_its_precision(n: int, state: str) -> None:
    """The room for growth is kept whatever the sum over states needs, from 1 state to 128: 85 dB, 75 in 16 bits."""
    found, exact = run(signals(steps=600, d=3, n=n), s4d_real(3, n), np.ones(3), state=state)
    assert sqnr_db(found, exact) >= {"int32": 85.0, "int16": 75.0}[state]


def test_what_is_left_without_input_is_bounded() -> None:
    """Without input a state sinks to at most 1 / (2 (1 - decay)) + 1 of its steps of two, and keeps its sign."""
    d, n = 4, 2
    A = -np.array([[1.0, 0.5]] * d)
    unit = QParams(dtype="int16", scale=2.0**-15)
    delta_step = QParams(dtype="int16", scale=2.0**-18)
    p = scan_parameters(A, np.zeros(d), np.full(d, 0.5), u=unit, delta=delta_step, B=unit, C=unit, y=unit)
    delta = np.full((1, 6000, d), 26)  # about 1e-4
    u, B, C = np.zeros((1, 6000, d), np.int64), np.zeros((1, 6000, n), np.int64), np.zeros((1, 6000, n), np.int64)
    delta[:, 0], u[:, 0], B[:, 0], C[:] = 32767, 32767, [32767, -32767], [32767, 0]
    delta[:, 3000:] = 13000  # about 0.05: the rest goes quickly
    y = selective_scan(u, delta, B, C, **arguments(p), dtype="int16")
    decay = np.exp(-26 * 2.0**-18)
    state_steps_per_output = unit.scale / (2 * scan.state_scales(np.full(d, 0.5), scan_state.scan_state("int32", n))[0])
    assert np.all(np.diff(y[0, 1:], axis=0) <= 0)
    assert np.all(y >= 0)
    residue = 1 / (2 * (1 - np.exp(-13000 * 2.0**-18))) + 1
    assert np.all(y[0, -1] * state_steps_per_output <= residue + state_steps_per_output)
    assert np.all(
        y[0, 2999] <= y[0, 1] * decay**2998 * 1.001 + (1 / (2 * (1 - decay)) + 1) / state_steps_per_output + 1
    )


def test_16_bits_without_input_are_left_with_nothing() -> None:
    """A state of 16 bits sinks to 0 on both sides, below the bound of rounding to the nearest after every step."""
    form = scan_state.scan_state("int16", 1)
    state, dither = np.array([[[20000, -20000]]]), np.array([[scan_state.DITHER_FIRST]])
    kept, nothing = np.array([[[2**28 - 2**18]]]), np.zeros((1, 1, 1), np.int64)  # 1 - decay is 2^-10
    exact = state.astype(np.float64)
    for _ in range(20000):
        state = form.advanced(state, kept, nothing, nothing, dither)
        exact = exact * (1 - 2.0**-10)
        dither = scan_state.next_dither(dither)
        assert np.abs(state - exact).max() <= 2**10 / 2
    assert np.all(state == 0)


@given(data=st.data())
@state_types
def test_saturation_never_wraps(state: str, data: st.DataObject) -> None:
    """Driven at the ends of every range far beyond calibration, y stays on the side of the float64 result."""
    n, steps, d = data.draw(st.sampled_from([1, 8, 64])), 40, 3
    signs = data.draw(st.tuples(*[st.sampled_from([-32767, 32767])] * 3))
    u = np.full((1, steps, d), signs[0])
    B, C = np.full((1, steps, n), signs[1]), np.full((1, steps, n), signs[2])
    delta = np.full((1, steps, d), 32767)
    wide = QParams(dtype="int16", scale=2.0**-10)
    p = scan_parameters(
        s4d_real(d, n) * 1e-3, np.zeros(d), np.full(d, 2.0**-10), u=wide, delta=wide, B=wide, C=wide, y=wide,
        state=state,
    )  # fmt: skip
    y = selective_scan(u, delta, B, C, **arguments(p), dtype="int16")
    assert np.all(np.sign(y) == np.sign(np.prod(signs)))
    assert np.all(np.diff(np.abs(y), axis=1) >= 0)


@state_types
def test_a_drive_that_saturates_is_counted(state: str) -> None:
    """Times a B of 0 it leaves the states where they are: each of them counts at each such step, on both sides."""
    d, n, steps = 2, 4, 12
    unit, wide = QParams(dtype="int16", scale=2.0**-15), QParams(dtype="int16", scale=2.0**-10)
    p = scan_parameters(
        s4d_real(d, n) * 1e-3, np.zeros(d), np.full(d, 2.0**-10), u=wide, delta=wide, B=unit, C=unit, y=unit,
        state=state,
    )  # fmt: skip
    assert p.drive_shift > 0
    u, delta = np.ones((2, steps, d), np.int64), np.ones((2, steps, d), np.int64)
    B = C = np.zeros((2, steps, n), np.int64)
    u[1, 3], u[1, 5], delta[1, 3], delta[1, 5] = 32767, [-32767, 1], 32767, [32767, 1]
    counted = np.zeros(2, np.int64)
    selective_scan(u, delta, B, C, **arguments(p), dtype="int16", saturated=counted)
    assert counted.tolist() == [0, (d + 1) * n]


def test_a_dead_channel_takes_no_bits_from_the_others() -> None:
    """A channel without input in calibration (peak 0) costs the others less than 1 dB."""
    x = signals(steps=600)
    alive = run(x, s4d_real(), np.ones(6))
    x["u"][..., 2] = 0.0
    dead = run(x, s4d_real(), np.ones(6))
    others = [0, 1, 3, 4, 5]
    assert sqnr_db(dead[0][..., others], dead[1][..., others]) >= sqnr_db(*(y[..., others] for y in alive)) - 1.0


@pytest.mark.parametrize("form", ["equal", "powers"])
@state_types
def test_one_exponential_a_channel_is_enough(form: str, state: str) -> None:
    """Where decays are equal, or powers of the first, one multiplier a channel is stored, and 75 or 85 dB are kept."""
    d, n = 6, 8
    rates = np.exp(np.random.default_rng(5).uniform(-1, 2, (d, 1)))
    A = -rates * (np.ones(n) if form == "equal" else np.arange(1, n + 1)).astype(np.float32)
    kept, chain = distinct_decays(A)
    assert (kept.shape, chain) == ((d, 1), form == "powers")
    found, exact = run(signals(steps=4 * CALIBRATED_STEPS, slowest=1e-4), A, np.ones(d), state=state)
    assert sqnr_db(found, exact) >= {"int32": 85.0, "int16": 75.0}[state]


@given(
    heads=st.sampled_from([1, 2, 3, 6]), groups=st.sampled_from([1, 2, 3]), seed=st.integers(0, 1000),
    state=st.sampled_from(["int32", "int16"]),
)  # fmt: skip
def test_heads_and_groups_are_channels_told_once(heads: int, groups: int, seed: int, state: str) -> None:
    """The bytes of a scan with heads and groups are those of scans of one group in which every channel is told."""
    d, n, steps = 6, 4, 12
    random = np.random.default_rng(seed)
    u, delta = random.integers(-9000, 9000, (2, steps, d)), random.integers(0, 9000, (2, steps, heads))
    B, C = random.integers(-9000, 9000, (2, 2, steps, groups * n))
    wide = QParams(dtype="int16", scale=2.0**-12)
    given = dict.fromkeys(("u", "delta", "B", "C", "y"), wide)
    rates, skip, peak = -random.uniform(0.1, 4.0, heads), random.normal(size=d), np.exp2(random.normal(size=d))
    p = scan_parameters(np.repeat(rates[:, None], n, axis=1), skip, peak, **given, state=state)
    assert p.decay_multiplier.shape == (heads, 1)
    found = selective_scan(u, delta, B, C, **arguments(p), groups=groups, dtype="int16")
    whole = arguments(p) | {"decay_multiplier": np.repeat(p.decay_multiplier, d // heads, axis=0)}
    for group in range(groups):
        channels, states = slice(group * d // groups, (group + 1) * d // groups), slice(group * n, (group + 1) * n)
        alone = {
            key: value[channels] if isinstance(value, np.ndarray) else value for key, value in whole.items()
        }  # fmt: skip
        told = np.repeat(delta, d // heads, axis=2)[..., channels]
        expected = selective_scan(u[..., channels], told, B[..., states], C[..., states], **alone, dtype="int16")
        np.testing.assert_array_equal(expected, found[..., channels])


@state_types
def test_a_very_large_delta_forgets_and_does_not_overflow(state: str) -> None:
    """delta |A| in the thousands is a decay of 0: y is the last drive alone."""
    x = signals(steps=50)
    x["delta"] = np.full_like(x["delta"], 500.0)
    found, exact = run(x, s4d_real() * 100, np.zeros(6), state=state)
    assert sqnr_db(found, exact) >= 60.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"A": np.array([[0.0]])}, "selective scan needs A < 0, found 0: the state would grow without bound"),
        ({"delta": QParams(dtype="int8", scale=1.0)}, "needs int16 delta, B and C, and a symmetric u"),
        ({"u": QParams(dtype="int8", scale=1.0, zero_point=1)}, "needs int16 delta, B and C, and a symmetric u"),
        ({"state_peak": np.full(1, 1e-30), "B": QParams(dtype="int16", scale=1e6)}, "drive scale .* is outside"),
        ({"y": QParams(dtype="int16", scale=1e-16)}, "output scale .* is outside"),
    ],
)
def test_the_scan_refuses_what_it_cannot_hold(change: dict[str, Any], message: str) -> None:
    """Growing states, narrow types and scales that differ too much are errors that name the cause."""
    p = QParams(dtype="int16", scale=2.0**-8)
    given = {"A": -np.ones((1, 1)), "D": np.ones(1), "state_peak": np.ones(1)} | dict.fromkeys("uBCy", p) | {"delta": p}
    with pytest.raises(GraphError, match=message):
        scan_parameters(**(given | change))
