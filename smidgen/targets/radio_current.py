"""What a board's BLE radio draws, sends and sleeps at, each figure with the document that it was read in.

Spans go from the best case of the source (its DC/DC regulator on) to the worst (regulator off, or the core running
beside the radio).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.errors import ConfigError, nearest
from smidgen.targets.span import Span
from smidgen.targets.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioCurrent:
    """Currents at `supply_v`, at 0 dBm and 1 Mbit/s."""

    transmit_ma: Span
    receive_ma: Span
    sleep_ua: Span  # core halted, RAM kept, 32 kHz clock running
    supply_v: float
    source: str


RADIO_CURRENTS: Mapping[str, RadioCurrent] = {
    "nrf52840": RadioCurrent(
        transmit_ma=Span(6.40, 10.80),
        receive_ma=Span(6.26, 10.10),
        sleep_ua=Span(1.5, 4.0),
        supply_v=3.0,
        source="Nordic, nRF52840 Product Specification, Radio transmitting/receiving: 6.40 and 6.26 mA with DC/DC, "
        "10.80 and 10.10 mA without. Sleep: 1.5 uA with three RAM banks (embedwise's nRF52 Power Profiler page, after "
        "the datasheet), 4.01 uA measured on a development kit (Nordic DevZone, question 53117)",
    ),
    "nrf52832": RadioCurrent(
        transmit_ma=Span(7.1, 9.2),
        receive_ma=Span(6.5, 9.2),
        sleep_ua=Span(2.0, 4.0),
        supply_v=3.0,
        source="Nordic, nRF52832 Product Specification v1.1, Power and clock management: 7.1 and 6.5 mA with DC/DC, "
        "9.2 mA with the core running beside. Sleep: 2.0 uA (embedwise's nRF52 Power Profiler page, after the "
        "datasheet); the upper bound is the nRF52840's",
    ),
}


def radio_current(board: Target) -> RadioCurrent:
    """Return what a board's radio draws; raises ConfigError for a board whose radio is not in the table."""
    if board.name not in RADIO_CURRENTS:
        raise ConfigError(
            f"no radio currents are known for {board.name}; {nearest(board.name, RADIO_CURRENTS)} "
            "(smidgen/targets/radio_current.py takes more, with their sources)"
        )
    return RADIO_CURRENTS[board.name]
