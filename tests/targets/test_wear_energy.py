"""The estimate of energy has the right units, moves the right way, and says what it does not know."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import ConfigError
from smidgen.targets import BOARDS, find_target
from smidgen.targets.radio_current import RADIO_CURRENTS
from smidgen.targets.span import Span
from smidgen.targets.wear_energy import ARRANGEMENTS, WearConfig, estimate_wear_energy

WEAR = WearConfig(cycles_per_decision=78_000)
BOARD = find_target("nrf52840")


@pytest.mark.parametrize("name", RADIO_CURRENTS)
def test_a_radio_belongs_to_a_board_and_was_read_in_a_document(name):
    """Every radio's board is in the table of boards with a run current; each figure has a source."""
    assert BOARDS[name].active_current is not None
    assert RADIO_CURRENTS[name].source


def test_the_model_takes_what_the_board_draws_for_its_cycles():
    """78,000 cycles every 2 s at 156 pJ are 21.9 mJ an hour, and the span is that of the cycles' error."""
    model = estimate_wear_energy(BOARD, WEAR).part("wrist", "model")
    by_hand = 78_000 * 156e-12 * 1800 * 1e3
    assert by_hand == pytest.approx(21.9, abs=0.05)
    assert (0.85 * by_hand, 2.0 * by_hand) == pytest.approx((model.low, model.high))


def test_listening_is_a_share_of_the_receivers_current():
    """0.1 s in 2 s at 6.26 mA and 3 V: 3.38 J an hour."""
    assert estimate_wear_energy(BOARD, WEAR).part("wrist", "scan").low == pytest.approx(6.26 * 0.05 * 3.0 * 3600)


def test_a_connection_event_by_hand():
    """64 bytes once a second fit one packet: poll 80 us, two gaps of 150 us, 136 us and 8 us a byte on the air."""
    stream = estimate_wear_energy(BOARD, WEAR).part("connection", "stream")
    core_ma = 0.052 * 64
    charge_mas = 6.40 * (136 + 8 * 64) * 1e-6 + 6.26 * 80e-6 + core_ma * (0.5e-3 + 300e-6)
    assert stream.low == pytest.approx(charge_mas * 3.0 * 3600)


def test_totals_are_sums_and_records_repeat_them():
    """A total is the sum of its parts, in records too, where the current fits energy and supply."""
    energy = estimate_wear_energy(BOARD, WEAR)
    for arrangement in ARRANGEMENTS:
        rows = [row for row in energy.records() if row["arrangement"] == arrangement]
        total = rows.pop()
        assert total["part"] == "total"
        assert total["mj_per_hour_high"] == pytest.approx(sum(row["mj_per_hour_high"] for row in rows))
        assert total["average_ua_low"] * 3.0 * 3.6 == pytest.approx(total["mj_per_hour_low"])
        assert all(row["is_estimate"] for row in (*rows, total))
        assert sum(energy.bars()[arrangement].values()) == pytest.approx(energy.total(arrangement).middle)


@given(
    name=st.sampled_from(["cycles_per_decision", "sample_hz", "advertising_s", "level_hz", "sample_bytes"]),
    more=st.integers(2, 4),
)
def test_more_work_never_takes_less(name, more):
    """More cycles, samples, levels or listening: no arrangement gets cheaper, at either bound."""
    less = replace(WEAR, packet_s=0.1)
    before = estimate_wear_energy(BOARD, less)
    after = estimate_wear_energy(BOARD, replace(less, **{name: getattr(less, name) * more / (1 if more < 3 else 2)}))
    for arrangement in ARRANGEMENTS:
        assert before.total(arrangement).low <= after.total(arrangement).low
        assert before.total(arrangement).high <= after.total(arrangement).high


@given(seconds=st.floats(0.01, 2.0), longer=st.floats(1.0, 5.0))
def test_rarer_events_never_take_more(seconds, longer):
    """The same bytes over a longer connection interval cost as much or less; so does reporting less often."""
    often = estimate_wear_energy(BOARD, replace(WEAR, connection_s=seconds, report_s=seconds))
    seldom = estimate_wear_energy(BOARD, replace(WEAR, connection_s=seconds * longer, report_s=seconds * longer))
    assert seldom.part("wrist", "report").high <= often.part("wrist", "report").high
    assert seldom.part("connection", "stream").high <= often.part("connection", "stream").high


@given(low=st.floats(0, 1e3), width=st.floats(0, 1e3), other=st.floats(0, 1e3), share=st.floats(0, 1))
def test_spans_bound_what_they_stand_for(low, width, other, share):
    """Any value between the bounds, added or multiplied, lies between the bounds of the result."""
    span, value = Span(low, low + width), low + share * width
    for result, exact in ((span + Span(other, other), value + other), (span * other, value * other)):
        assert result.low <= exact * (1 + 1e-9)
        assert exact <= result.high * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cycles_per_decision": 0}, "cycles_per_decision must be at least 1"),
        ({"decision_s": float("nan")}, "decision_s must be positive and finite"),
        ({"advertising_s": 3.0}, "cannot all be heard in a decision of 2.0 s"),
        ({"packet_s": 1.0}, "60 bytes of acceleration every 1.0 s do not fit"),
    ],
)
def test_an_impossible_wearable_is_refused(changes, message):
    """What no radio could send or hear is not estimated."""
    with pytest.raises(ConfigError, match=message):
        replace(WEAR, **changes)


def test_what_is_not_known_is_refused():
    """A board without radio figures, an arrangement that does not exist, and a span that runs backwards."""
    with pytest.raises(ConfigError, match="no radio currents are known for stm32l412kb"):
        estimate_wear_energy(find_target("stm32l412kb"), WEAR)
    with pytest.raises(ConfigError, match="choose from wrist, connection, advertising"):
        estimate_wear_energy(BOARD, WEAR).total("cloud")
    with pytest.raises(ConfigError, match="from 0 or more"):
        Span(2.0, 1.0)
