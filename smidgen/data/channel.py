"""How strong a wearable's packets arrive: the radio channel of a home.

level = power - 10 n log10(d / 1 m) - walls - shadowing - body + fading        (multi-wall log-distance model)

Parameters are assumptions unless a source is given; docs/data.md lists the equations.
Glossary: `n` packets, `A` access points, `W` walls, `K` waves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.data.floorplan import FloorPlan
from smidgen.errors import ConfigError

WAVELENGTH_M = 0.1225
"""2.45 GHz."""
WAVES = 24
"""Scattered waves in a sum of sinusoids; enough for a Rayleigh envelope (see the test of its quantiles)."""
FIELD_WAVES = 256
ADVERTISING_CHANNELS = 3
"""BLE advertising channels 37, 38 and 39; a packet is heard on whichever the access point scans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelConfig:
    """The channel's parameters; the defaults make SPHERE-like levels (-50 to -105 dBm)."""

    power_dbm: float = -58.0  # at 1 m in the open, worn on the wrist
    exponent: float = 2.0  # n; 2 is free space, walls come on top
    height_m: float = 0.8  # between wrist and access point
    shadowing_std_db: float = 4.0
    shadowing_reach_m: float = 1.5  # correlation falls to 1/e (exponential model of Gudmundson, 1991)
    change_std_db: float = 2.0  # what has moved since the last recording, same reach
    rician_k_db: float = 7.0  # direct over scattered power with no wall in between
    rician_k_per_wall_db: float = 3.0  # what each wall takes off it
    noise_std_db: float = 1.0  # of the receiver's reading
    sensitivity_dbm: float = -95.0  # level at which half of the packets are lost
    sensitivity_slope_db: float = 1.5  # from half to three quarters: about 1.1 times this
    collision_probability: float = 0.1  # packets lost at any level

    def __post_init__(self) -> None:
        for name in ("exponent", "height_m", "shadowing_reach_m", "sensitivity_slope_db"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("shadowing_std_db", "change_std_db", "noise_std_db"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.collision_probability < 1:
            raise ConfigError(f"collision_probability must lie in [0, 1), got {self.collision_probability}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShadowField:
    """A zero-mean Gaussian random field per access point, with exponential correlation over distance.

    Sum of random cosines; wave vectors follow the field's spectrum, which in the plane is a Cauchy distribution.
    """

    waves: NDArray[np.float64]  # (A, K, 2) rad/m
    phase: NDArray[np.float64]  # (A, K)
    std_db: float

    def at(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the field (n, A) in dB at positions (n, 2)."""
        angle = np.einsum("nc,akc->nak", position, self.waves) + self.phase
        level: NDArray[np.float64] = self.std_db * np.sqrt(2 / self.phase.shape[1]) * np.cos(angle).sum(axis=2)
        return level


def draw_shadow_field(n_access_points: int, *, std_db: float, reach_m: float, rng: np.random.Generator) -> ShadowField:
    """Draw one field per access point."""
    shape = (n_access_points, FIELD_WAVES)
    radial = np.abs(rng.normal(size=shape))[:, :, None]
    return ShadowField(
        waves=rng.normal(size=(*shape, 2)) / (radial * reach_m),
        phase=rng.uniform(0, 2 * np.pi, size=shape),
        std_db=std_db,
    )


def mean_level_dbm(config: ChannelConfig, plan: FloorPlan, position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the level (n, A) by distance and walls alone, for a wrist at position (n, 2)."""
    offset = position[:, None, :] - plan.access_points  # (n, A, 2)
    distance = np.sqrt((offset**2).sum(axis=2) + config.height_m**2)
    level: NDArray[np.float64] = config.power_dbm - 10 * config.exponent * np.log10(distance)
    return level - wall_loss_db(plan, position)


def wall_loss_db(plan: FloorPlan, position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the walls on the straight line to each access point take (n, A), in dB."""
    loss = np.array([wall.loss_db for wall in plan.walls])
    return np.stack([plan.crossings(position, _repeat(ap, position)) @ loss for ap in plan.access_points], axis=1)


def walls_between(plan: FloorPlan, position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return how many walls (n, A) stand on the straight line to each access point."""
    return np.stack([plan.crossings(position, _repeat(ap, position)).sum(axis=1) for ap in plan.access_points], axis=1)


def body_loss_db(
    plan: FloorPlan, position: NDArray[np.float64], heading: NDArray[np.float64], *, most_db: float
) -> NDArray[np.float64]:
    """Return what the body takes (n, A): 0 for an access point ahead, `most_db` for one behind."""
    offset = plan.access_points - position[:, None, :]
    bearing = np.arctan2(offset[..., 1], offset[..., 0])
    loss: NDArray[np.float64] = most_db * (1 - np.cos(bearing - heading[:, None])) / 2
    return loss


def fading_db(
    travelled_m: NDArray[np.floating], k_db: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return Rician fading (n, A) in dB, of mean power 0 dB, as a function of the way the wrist has travelled (n,).

    One direct wave and WAVES scattered ones per access point and channel (Clarke's model): a still wrist stays in its
    fade, a wrist that moves half a wavelength leaves it. Args: k_db (n, A), direct over scattered power.
    """
    n, n_access_points = k_db.shape
    channel = rng.integers(ADVERTISING_CHANNELS, size=(n, n_access_points))
    arrival = rng.uniform(0, 2 * np.pi, size=(n_access_points, WAVES + 1))
    phase = rng.uniform(0, 2 * np.pi, size=(ADVERTISING_CHANNELS, n_access_points, WAVES + 1))
    turn = 2 * np.pi / WAVELENGTH_M * np.cos(arrival)
    angle = travelled_m[:, None, None] * turn + phase[channel, np.arange(n_access_points)]  # (n, A, WAVES + 1)
    k = 10 ** (k_db / 10)
    direct = np.sqrt(k / (k + 1)) * np.exp(1j * angle[..., 0])
    scattered = np.sqrt(1 / (k + 1) / WAVES) * np.exp(1j * angle[..., 1:]).sum(axis=2)
    level: NDArray[np.float64] = 20 * np.log10(np.abs(direct + scattered))
    return level


def reception_probability(config: ChannelConfig, level_dbm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how likely a packet of each level is received: a logistic curve around the receiver's sensitivity."""
    margin = (level_dbm - config.sensitivity_dbm) / config.sensitivity_slope_db
    return (1 - config.collision_probability) / (1 + np.exp(-margin))


def _repeat(point: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.broadcast_to(point, like.shape)
