"""A simulated home: recordings with the structure of real ones, from a seed, without any download.

The tag samples acceleration at 20 Hz and advertises about five times a second; a packet carries the samples since the
one before. An access point that receives it reports its level for them; a packet that nobody receives is lost with its
samples, which leaves a gap, as in SPHERE's logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.channel import (
    ChannelConfig,
    ShadowField,
    body_loss_db,
    draw_shadow_field,
    fading_db,
    mean_level_dbm,
    reception_probability,
    walls_between,
)
from smidgen.data.floorplan import ACCESS_POINTS, ROOMS, FloorPlan, draw_floor_plan
from smidgen.data.recording import RSSI_RANGE_DBM, Recording
from smidgen.data.samples import count_gaps
from smidgen.data.walker import Person, Walk, draw_person, guided_walk, walk
from smidgen.data.wrist import acceleration_g, travelled_m
from smidgen.errors import ConfigError, nearest

SAMPLE_S = 0.05
CLOCK_DRIFT = 1e-3
"""Largest relative error of the tag's clock."""
SAMPLE_JITTER_S = 1e-3
ADVERTISING_S = 0.2
ADVERTISING_DELAY_S = 0.01
"""Each interval is longer by a random delay of 0 to 10 ms (Bluetooth Core 5.4, Vol 6 Part B, 4.4.2.2.1, advDelay)."""
OUTAGES_PER_S = 1 / 600
OUTAGE_MEDIAN_S = 3.0
OUTAGE_LOG_STD = 0.7
"""Times in which nothing arrives; an assumption after SPHERE's gaps of 1.5 to 51 s."""
LONGEST_S = 2 * 3600.0
"""Beyond this the channel's arrays would need more than 300 MB."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Home:
    """A flat and its radio channel; everything in it is fixed by the seed."""

    seed: int
    access_points: tuple[str, ...]  # named by the rooms they stand in
    plan: FloorPlan
    channel: ChannelConfig
    shadowing: ShadowField

    def record(self, seed: int, duration_s: float = 1500.0) -> Recording:
        """Return a recording of a person, drawn by `seed`, who lives here for `duration_s` seconds.

        The same home, seed and duration give the same bytes. Raises ConfigError for a negative seed or a duration
        outside 10 s to LONGEST_S.
        """
        rng = self._stream(seed, duration_s, 1)
        person = draw_person(rng)
        path = walk(self.plan, person, duration_s, rng)
        return self._recorded(f"{seed}", seed, person, path, duration_s, rng)

    def calibrate(self, seed: int, duration_s: float = 600.0) -> Recording:
        """Return a calibration walk: a person who visits all rooms in turn, as long in each, to label fingerprints.

        The same home, seed and duration give the same bytes. Raises ConfigError as `record`.
        """
        rng = self._stream(seed, duration_s, 2)
        person = draw_person(rng)
        path = guided_walk(self.plan, person, duration_s, rng)
        return self._recorded(f"calibration-{seed}", seed, person, path, duration_s, rng)

    def _stream(self, seed: int, duration_s: float, stream: int) -> np.random.Generator:
        """Return random numbers apart from the home's own; raises ConfigError for what cannot be recorded."""
        _check_seed("seed", seed)
        if not 10.0 <= duration_s <= LONGEST_S:
            raise ConfigError(f"duration_s must lie between 10 and {LONGEST_S:.0f} s, got {duration_s}")
        return np.random.default_rng([self.seed, seed, stream])

    def _recorded(
        self, name: str, seed: int, person: Person, path: Walk, duration_s: float, rng: np.random.Generator
    ) -> Recording:
        """Return what the tag and the access points write down of a walk."""
        packet_s = _advertising_times(duration_s, rng)
        rssi = _received(self, person, path, packet_s, rng)
        time_s = _sample_times(float(packet_s[-1]), rng)
        carrier = np.searchsorted(packet_s, time_s)  # the packet that carries each sample
        arrived = np.flatnonzero(np.isfinite(rssi[carrier]).any(axis=1))
        acceleration = acceleration_g(path, person, time_s, rng)
        time_s = np.round(time_s, 6)
        return Recording(
            name=f"simulated/home-{self.seed}/{name}",
            home=f"simulated/home-{self.seed}",
            subject=f"person-{seed}",
            time_s=time_s[arrived],
            rssi_dbm=rssi[carrier[arrived]].astype(np.float32),
            acceleration_g=acceleration[arrived],
            room=self.plan.room_at(path.position(time_s[arrived])),
            rooms=ROOMS,
            access_points=self.access_points,
            present=(True,) * len(self.access_points),
            counts={
                "rows": len(arrived),
                "rows_lost_on_air": len(time_s) - len(arrived),
                "gaps": count_gaps(time_s[arrived]),
            },
        )


def simulate_home(
    seed: int, *, channel: ChannelConfig | None = None, access_points: Sequence[str] = ACCESS_POINTS
) -> Home:
    """Return the home drawn by `seed`: floor plan, access points, shadowing.

    Args: access_points, the rooms that have one, in the order in which recordings list them.
    Raises ConfigError for a negative seed, or access points that are not at least one room of ROOMS, each once.
    """
    _check_seed("home seed", seed)
    for name in access_points:
        if name not in ROOMS:
            raise ConfigError(f"an access point stands in a room, and {name!r} is none; {nearest(name, ROOMS)}")
    if not access_points or len(set(access_points)) != len(access_points):
        raise ConfigError(f"a home needs at least one access point, and one a room at most; got {tuple(access_points)}")
    channel = channel or ChannelConfig()
    rng = np.random.default_rng(seed)
    return Home(
        seed=seed,
        access_points=tuple(access_points),
        plan=draw_floor_plan(rng, access_points=access_points),
        channel=channel,
        shadowing=draw_shadow_field(
            len(access_points), std_db=channel.shadowing_std_db, reach_m=channel.shadowing_reach_m, rng=rng
        ),
    )


def _received(
    home: Home, person: Person, path: Walk, packet_s: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the level (n, A) of each packet at each access point in whole dBm, NaN where it was not received."""
    channel, plan = home.channel, home.plan
    position = path.position(packet_s)
    change = draw_shadow_field(
        len(home.access_points), std_db=channel.change_std_db, reach_m=channel.shadowing_reach_m, rng=rng
    )
    k_db = channel.rician_k_db - channel.rician_k_per_wall_db * walls_between(plan, position)
    level = (
        mean_level_dbm(channel, plan, position)
        + person.tag_offset_db
        + home.shadowing.at(position)
        + change.at(position)
        - body_loss_db(plan, position, path.heading[path.leg(packet_s)], most_db=person.body_loss_db)
        + fading_db(travelled_m(path, person, packet_s), k_db, rng)
    )
    received = rng.random(level.shape) < reception_probability(channel, level)
    received &= ~_in_outage(packet_s, rng)[:, None]
    reading = np.clip(np.rint(level + rng.normal(0.0, channel.noise_std_db, size=level.shape)), *RSSI_RANGE_DBM)
    return np.where(received, reading, np.nan)


def _advertising_times(duration_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    n_packets = int(duration_s / ADVERTISING_S)
    times = np.cumsum(ADVERTISING_S + rng.uniform(0.0, ADVERTISING_DELAY_S, size=n_packets))
    return times[times < duration_s]


def _sample_times(last_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return when the tag samples, up to its last packet: off the grid by drift and jitter, always increasing."""
    period = SAMPLE_S * (1 + rng.uniform(-CLOCK_DRIFT, CLOCK_DRIFT))
    times = np.arange(1, int(last_s / period)) * period
    return times + rng.uniform(-SAMPLE_JITTER_S, SAMPLE_JITTER_S, size=len(times))


def _in_outage(time_s: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.bool_]:
    n_outages = rng.poisson(OUTAGES_PER_S * time_s[-1])
    start = rng.uniform(0.0, time_s[-1], size=n_outages)
    lasts = OUTAGE_MEDIAN_S * np.exp(rng.normal(0.0, OUTAGE_LOG_STD, size=n_outages))
    inside = (time_s[:, None] >= start) & (time_s[:, None] < start + lasts)
    out: NDArray[np.bool_] = inside.any(axis=1)
    return out


def _check_seed(what: str, seed: int) -> None:
    if seed < 0:
        raise ConfigError(f"{what} must be 0 or more, got {seed}")
