"""What goes wrong with radio in a home, done to a recording on purpose and by degrees, to see what an answer is worth.

Rows are emptied, never taken away: the same decisions are asked of a disturbed recording as of the whole one.
Glossary: `n` raw rows, `A` access points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smidgen.data.recording import RSSI_RANGE_DBM, Recording
from smidgen.errors import ConfigError, nearest

FLOOD_DBM = -120.0
"""How other stacks write an access point that heard nothing."""

SATURATED_READING_DBM = -1.0
"""What an overdriven receiver reports: SHIB's loudest readings, 50 dB above everything else there."""

PACKET_S = 0.2
"""Time of a packet: at half rate every other one is lost, with the samples that it carries."""

OUTAGE_S = (2.0, 30.0)
"""Shortest and longest gap; SPHERE's last 1.5 to 51 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """One kind of disturbance, with the degrees at which it is measured."""

    what: str  # for people
    unit: str  # of the severity
    severities: tuple[float, ...]  # mild first
    least: float  # severity that leaves a recording as it is
    most: float
    apply: Callable[[Recording, float, np.random.Generator], Recording]


def corrupt(recording: Recording, name: str, severity: float, *, seed: int) -> Recording:
    """Return a disturbed copy of a recording, with the same rows, rooms and times; the same seed gives the same copy.

    Args: name, one of CORRUPTIONS; severity, in its unit, between its `least`, which changes nothing, and its `most`.
    Raises ConfigError for an unknown name, or a severity outside that range.
    """
    if name not in CORRUPTIONS:
        raise ConfigError(f"there is no corruption {name!r}; {nearest(name, CORRUPTIONS)}")
    kind = CORRUPTIONS[name]
    if not kind.least <= severity <= kind.most:
        raise ConfigError(
            f"corruption {name}: the severity must lie in {kind.least:g}..{kind.most:g} {kind.unit}, got {severity:g}"
        )
    return kind.apply(recording, severity, np.random.default_rng(seed))


def _missing(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Silence access points that were there; at most all of them."""
    there = rng.permutation(np.flatnonzero(recording.present))
    rssi = recording.rssi_dbm.copy()
    rssi[:, there[: round(severity)]] = np.nan
    return replace(recording, rssi_dbm=rssi)


def _replaced(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Shift all levels of one access point: another unit, another antenna, another socket in the same room."""
    chosen = rng.choice(np.flatnonzero(recording.present))
    shift = np.zeros(len(recording.access_points), dtype=np.float32)
    shift[chosen] = severity * rng.choice([-1.0, 1.0])
    return replace(recording, rssi_dbm=_reported(recording.rssi_dbm + shift))


def _offset(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Shift all levels: another tag, the other wrist."""
    shift = np.float32(severity * rng.choice([-1.0, 1.0]))
    return replace(recording, rssi_dbm=_reported(recording.rssi_dbm + shift))


def _noise(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    noise = rng.normal(0.0, 1.0, size=recording.rssi_dbm.shape).astype(np.float32)
    return replace(recording, rssi_dbm=_reported(recording.rssi_dbm + np.float32(severity) * noise))


def _saturated(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Overdrive a share of the readings."""
    hit = ~np.isnan(recording.rssi_dbm) & (rng.random(recording.rssi_dbm.shape) < severity)
    return replace(recording, rssi_dbm=np.where(hit, np.float32(SATURATED_READING_DBM), recording.rssi_dbm))


def _flood(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Write a share of what was not heard as another stack writes it."""
    hit = np.isnan(recording.rssi_dbm) & (rng.random(recording.rssi_dbm.shape) < severity)
    hit &= np.array(recording.present)  # a recording refuses levels of an access point that is not there
    return replace(recording, rssi_dbm=np.where(hit, np.float32(FLOOD_DBM), recording.rssi_dbm))


def _gaps(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Let nothing arrive for a share of the time, in outages of a few seconds to half a minute."""
    lost = np.zeros(len(recording.time_s), dtype=bool)
    while lost.mean() < severity:
        start, lasts = rng.uniform(0.0, recording.duration_s), rng.uniform(*OUTAGE_S)
        lost |= (recording.time_s >= start) & (recording.time_s < start + lasts)
    return _emptied(recording, lost)


def _rate(recording: Recording, severity: float, rng: np.random.Generator) -> Recording:
    """Keep one packet of `severity`, beginning anywhere."""
    period = round(severity)
    packet = (recording.time_s / PACKET_S).astype(np.int64)
    return _emptied(recording, (packet + rng.integers(period)) % period != 0)


def _emptied(recording: Recording, lost: NDArray[np.bool_]) -> Recording:
    """Take levels and acceleration out of the rows (n,) that were lost."""
    rssi = np.where(lost[:, None], np.float32(np.nan), recording.rssi_dbm)
    if recording.acceleration_g is None:
        return replace(recording, rssi_dbm=rssi)
    acceleration = np.where(lost[:, None], np.float32(np.nan), recording.acceleration_g)
    return replace(recording, rssi_dbm=rssi, acceleration_g=acceleration)


def _reported(rssi_dbm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return levels as a controller reports them: whole dBm within its range, NaN where nothing was heard."""
    return np.clip(np.rint(rssi_dbm), *RSSI_RANGE_DBM)


_MOST_DB = 60.0

CORRUPTIONS: Mapping[str, Corruption] = {
    "missing": Corruption(
        what="access points that hear nothing",
        unit="access points",
        severities=(1, 2, 3),
        least=0,
        most=1000,
        apply=_missing,
    ),
    "replaced": Corruption(
        what="one access point replaced", unit="dB", severities=(5, 10, 20), least=0, most=_MOST_DB, apply=_replaced
    ),
    "offset": Corruption(what="another tag", unit="dB", severities=(3, 6, 12), least=0, most=_MOST_DB, apply=_offset),
    "noise": Corruption(what="fading", unit="dB", severities=(3, 6, 12), least=0, most=_MOST_DB, apply=_noise),
    "saturated": Corruption(
        what="readings of -1 dBm", unit="of readings", severities=(0.05, 0.2, 0.5), least=0, most=1, apply=_saturated
    ),
    "flood": Corruption(
        what="-120 dBm for not heard", unit="of readings", severities=(0.5, 1), least=0, most=1, apply=_flood
    ),
    "gaps": Corruption(
        what="nothing arrives", unit="of the time", severities=(0.1, 0.3, 0.6), least=0, most=0.9, apply=_gaps
    ),
    "rate": Corruption(
        what="one packet kept of", unit="packets", severities=(2, 5, 20), least=1, most=1000, apply=_rate
    ),
}
