"""Is the edge worth it: an estimate of the energy that an hour of wear takes, deciding on the wrist or streaming.

Three arrangements answer the same question, which room:

    wrist        the wearable listens to the access points, runs the model and now and then reports a room
    connection   the wearable listens to the access points and streams levels and acceleration over a connection
    advertising  the wearable advertises its acceleration and the access points measure the level, as in SPHERE

Everything is an estimate: typical currents, timing of the radio by arithmetic from the packet format, and spans for
what depends on the stack. Nothing here was measured on a board. Sources: `radio_current.py` for currents;
Bluetooth Core 5.4, Vol 6 Part B, 2.1 (packet format) and 4.1 (T_IFS); STMicroelectronics LIS3DH datasheet,
DocID17530 Rev 2, table 12 (accelerometer at 25 Hz).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from smidgen.errors import ConfigError
from smidgen.targets.radio_current import radio_current
from smidgen.targets.span import Span
from smidgen.targets.target import Target

HOUR_S = 3600.0
ARRANGEMENTS = ("wrist", "connection", "advertising")

CYCLE_ERROR = Span(0.85, 2.0)
"""Silicon over our estimate of cycles: 15 % below for products and sums, twice with slow flash (see `cycles.py`)."""

ACCELEROMETER_UA = Span(4.0, 6.0)
"""LIS3DH at 25 Hz, 8 to 10 bits."""

EVENT_OVERHEAD_MS = Span(0.5, 2.0)
"""Core awake around a radio event, for crystal and stack; an assumption, at the run current of the board."""

RETRANSMISSION = Span(1.0, 1.2)
"""Packets sent over packets needed; an assumption."""

BYTE_US = 8.0
PACKET_US = 80.0  # preamble, access address, header and CRC: 10 bytes
T_IFS_US = 150.0
ADVERTISING_CHANNELS = 3
ADVERTISER_ADDRESS_BYTES = 6
ADVERTISING_PAYLOAD_BYTES = 31
NOTIFICATION_HEADER_BYTES = 7  # L2CAP 4, ATT 3
LINK_PAYLOAD_BYTES = 251  # with data length extension


@dataclass(frozen=True, slots=True, kw_only=True)
class WearConfig:
    """What the wearable does, whatever board it is."""

    cycles_per_decision: int  # our estimate, of everything that one decision takes
    decision_s: float = 2.0
    access_points: int = 4
    sample_hz: float = 20.0  # of the accelerometer
    sample_bytes: int = 3  # one byte an axis, as SPHERE's wearable sent; 6 for two
    advertising_s: float = 0.1  # of each access point: listening for one such interval hears each once
    level_hz: float = 1.0  # how often each access point's level is streamed
    connection_s: float = 1.0  # connection interval: all that has gathered is sent at once
    packet_s: float = 0.2  # of the wearable's own advertising, where the access points measure
    report_s: float = 60.0  # how often the wrist tells its room

    def __post_init__(self) -> None:
        for name in ("cycles_per_decision", "access_points", "sample_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"wear: {name} must be at least 1, got {getattr(self, name)}")
        for name in ("decision_s", "sample_hz", "advertising_s", "level_hz", "connection_s", "packet_s", "report_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"wear: {name} must be positive and finite, got {value}")
        if self.advertising_s > self.decision_s:
            raise ConfigError(
                f"wear: access points that advertise every {self.advertising_s} s cannot all be heard in a decision of "
                f"{self.decision_s} s; let them advertise more often"
            )
        sample_bytes_s = self.sample_hz * self.sample_bytes
        if sample_bytes_s * self.packet_s > ADVERTISING_PAYLOAD_BYTES:
            raise ConfigError(
                f"wear: {sample_bytes_s * self.packet_s:.0f} bytes of acceleration every {self.packet_s} s do not fit "
                f"an advertisement of {ADVERTISING_PAYLOAD_BYTES}; shorten packet_s"
            )

    @property
    def stream_bytes_s(self) -> float:
        """Acceleration and levels, a second."""
        return self.sample_hz * self.sample_bytes + self.level_hz * self.access_points


@dataclass(frozen=True, slots=True, kw_only=True)
class WearPart:
    """What one part of one arrangement takes."""

    arrangement: str  # of ARRANGEMENTS
    part: str  # "model", "scan", "stream", "advertise", "report", "accelerometer", "sleep"
    mj_per_hour: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class WearEnergy:
    """The estimate for one board: parts by arrangement, in mJ for an hour of wear."""

    board: str
    supply_v: float
    parts: tuple[WearPart, ...]

    def total(self, arrangement: str) -> Span:
        """Return the sum of an arrangement's parts; raises ConfigError for one that is none of ARRANGEMENTS."""
        if arrangement not in ARRANGEMENTS:
            raise ConfigError(f"there is no arrangement {arrangement!r}; choose from {', '.join(ARRANGEMENTS)}")
        return sum((part.mj_per_hour for part in self.parts if part.arrangement == arrangement), Span(0.0, 0.0))

    def part(self, arrangement: str, part: str) -> Span:
        """Return one part, zero where the arrangement has none of it."""
        found = [each.mj_per_hour for each in self.parts if (each.arrangement, each.part) == (arrangement, part)]
        return sum(found, Span(0.0, 0.0))

    def records(self) -> list[dict[str, Any]]:
        """Return one flat record a part, and one a total."""
        totals = [WearPart(arrangement=a, part="total", mj_per_hour=self.total(a)) for a in ARRANGEMENTS]
        return [
            {
                "board": self.board,
                "arrangement": each.arrangement,
                "part": each.part,
                "mj_per_hour_low": each.mj_per_hour.low,
                "mj_per_hour_high": each.mj_per_hour.high,
                "average_ua_low": each.mj_per_hour.low / (self.supply_v * HOUR_S * 1e-3),
                "average_ua_high": each.mj_per_hour.high / (self.supply_v * HOUR_S * 1e-3),
                "is_estimate": True,
            }
            for each in (*self.parts, *totals)
        ]

    def bars(self) -> dict[str, dict[str, float]]:
        """Return what a stacked bar chart draws: by arrangement, the middle of each part, in mJ an hour."""
        return {
            arrangement: {each.part: each.mj_per_hour.middle for each in self.parts if each.arrangement == arrangement}
            for arrangement in ARRANGEMENTS
        }


def estimate_wear_energy(board: Target, wear: WearConfig) -> WearEnergy:
    """Return what an hour of wear takes in each arrangement.

    Raises ConfigError for a board whose run current or radio currents are not known.
    """
    radio = radio_current(board)
    if board.active_current is None:
        raise ConfigError(f"no run current is known for {board.name}; choose a board that has one in docs/targets.md")
    mj_per_ma_s = radio.supply_v  # 1 mA for 1 s
    core_ma = board.active_current.ua_per_mhz * (board.clock_hz or 0) * 1e-9

    def drawn(ma: Span, duty: Span | float) -> Span:
        """Energy an hour of a current that flows for a share of the time."""
        return ma * duty * (mj_per_ma_s * HOUR_S)

    def radio_events(per_s: float, transmit_us: float, receive_us: float, wait_us: float) -> Span:
        """Energy an hour of radio events, the core awake around each and while the radio turns."""
        air = radio.transmit_ma * (transmit_us * 1e-6) + radio.receive_ma * (receive_us * 1e-6)
        awake = core_ma * (EVENT_OVERHEAD_MS * 1e-3 + Span(wait_us * 1e-6, wait_us * 1e-6))
        return drawn((air * RETRANSMISSION + awake), per_s)

    model = board.active_current.pj_per_cycle * wear.cycles_per_decision * CYCLE_ERROR
    parts = {
        "model": model * (1e-9 * HOUR_S / wear.decision_s),
        "scan": drawn(radio.receive_ma, wear.advertising_s / wear.decision_s),
        "stream": radio_events(1.0 / wear.connection_s, *_connection_event_us(wear)),
        "advertise": radio_events(1.0 / wear.packet_s, *_advertising_event_us(wear.sample_hz, wear)),
        "report": radio_events(1.0 / wear.report_s, *_advertising_event_us(0.0, wear)),
        "accelerometer": drawn(ACCELEROMETER_UA * 1e-3, 1.0),
        "sleep": drawn(radio.sleep_ua * 1e-3, 1.0),
    }
    shared = ("accelerometer", "sleep")
    makeup: Mapping[str, Iterable[str]] = {
        "wrist": ("model", "scan", "report", *shared),
        "connection": ("scan", "stream", *shared),
        "advertising": ("advertise", *shared),
    }
    return WearEnergy(
        board=board.name,
        supply_v=radio.supply_v,
        parts=tuple(
            WearPart(arrangement=arrangement, part=part, mj_per_hour=parts[part])
            for arrangement in ARRANGEMENTS
            for part in makeup[arrangement]
        ),
    )


def _connection_event_us(wear: WearConfig) -> tuple[float, float, float]:
    """Return how long one connection event sends, receives and waits: a poll of the hub before each packet."""
    payload = wear.stream_bytes_s * wear.connection_s
    packets = math.ceil(payload / (LINK_PAYLOAD_BYTES - NOTIFICATION_HEADER_BYTES))
    transmit = packets * (PACKET_US + BYTE_US * NOTIFICATION_HEADER_BYTES) + BYTE_US * payload
    return transmit, packets * PACKET_US, packets * 2 * T_IFS_US


def _advertising_event_us(sample_hz: float, wear: WearConfig) -> tuple[float, float, float]:
    """Return how long one advertisement, on each channel, sends, receives and waits; without samples it has a byte."""
    payload = max(1.0, sample_hz * wear.sample_bytes * wear.packet_s)
    packet = PACKET_US + BYTE_US * (ADVERTISER_ADDRESS_BYTES + payload)
    return ADVERTISING_CHANNELS * packet, 0.0, ADVERTISING_CHANNELS * T_IFS_US
