"""What a wrist-worn accelerometer reads while its wearer walks, sits, stands, works with the hands or lies.

Amplitudes are assumptions, of the order seen in the SPHERE recordings. Glossary: `n` samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smidgen.data.floorplan import Activity
from smidgen.data.walker import Person, Walk

GRAVITY = {
    Activity.WALK: (0.97, 0.10, 0.20),  # arm hanging, x along the forearm
    Activity.SIT: (0.15, -0.45, 0.88),  # forearm on a rest or in the lap
    Activity.STAND: (0.95, -0.05, 0.30),
    Activity.WORK: (0.30, -0.55, 0.78),
    Activity.LIE: (-0.10, 0.80, 0.59),
}
"""Direction in which gravity reads, in the wrist's own axes."""
TREMOR_G = {Activity.WALK: 0.03, Activity.SIT: 0.006, Activity.STAND: 0.012, Activity.WORK: 0.05, Activity.LIE: 0.004}
FIDGET_SHARE = {Activity.WALK: 0.0, Activity.SIT: 0.12, Activity.STAND: 0.2, Activity.WORK: 0.7, Activity.LIE: 0.04}
"""Share of the time in which the arm moves about."""
FIDGET_G = 0.15
FIDGET_LASTS_S = 1.5
SWING_G = 0.25
IMPACT_G = 0.2
SETTLE_S = 0.6
"""Time over which the arm turns from one posture to the next."""
SENSOR_NOISE_G = 0.004
RANGE_G = 4.096
STEP_G = 0.002

SWAY_MPS = {Activity.WALK: 0.0, Activity.SIT: 0.004, Activity.STAND: 0.012, Activity.WORK: 0.08, Activity.LIE: 0.002}
"""How fast the wrist wanders while the person stays: it decides how long a fade lasts."""


def acceleration_g(
    walk: Walk, person: Person, time_s: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the acceleration (n, 3) in g at each time (n,), on sensor's grid of STEP_G."""
    activity = walk.activity[walk.leg(time_s)]
    step_s = float(np.median(np.diff(time_s)))
    direction = _smooth(_by_activity(GRAVITY)[activity], SETTLE_S / step_s)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    tremor = _by_activity(TREMOR_G)[activity][:, None] * rng.normal(size=(len(time_s), 3))
    reading = direction + tremor + _gait(activity, time_s, person) + _fidget(activity, step_s, rng)
    reading = reading @ person.wrist_tilt.T + rng.normal(0.0, SENSOR_NOISE_G, size=reading.shape)
    return (np.rint(np.clip(reading, -RANGE_G, RANGE_G) / STEP_G) * STEP_G).astype(np.float32)


def travelled_m(walk: Walk, person: Person, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the way (n,) the wrist has made by each time: walking, and swaying while the person stays."""
    pace = _by_activity(SWAY_MPS)[walk.activity[walk.leg(time_s)]]
    pace = np.where(pace > 0, pace, person.speed_mps)
    return np.cumsum(pace * np.diff(time_s, prepend=0.0))


def _gait(activity: NDArray[np.int8], time_s: NDArray[np.float64], person: Person) -> NDArray[np.float64]:
    """Return the walker's arm swing, once every two steps, and the impact of each step, with its harmonic."""
    step = 2 * np.pi * person.steps_hz * time_s
    swing, impact = SWING_G * np.sin(step / 2), IMPACT_G * np.sin(step) + IMPACT_G / 3 * np.sin(2 * step)
    gait = np.stack([impact, swing, 0.5 * swing], axis=1)
    walking: NDArray[np.bool_] = activity == Activity.WALK
    return gait * walking[:, None]


def _fidget(activity: NDArray[np.int8], step_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return bursts of arm movement; a slow random process above a threshold decides when."""
    n = len(activity)
    slow = _smooth(rng.normal(size=(n, 1)), FIDGET_LASTS_S / step_s)
    rank = np.empty(n)
    rank[np.argsort(slow[:, 0])] = np.arange(n) / n  # uniform over the recording
    moving: NDArray[np.bool_] = rank < _by_activity(FIDGET_SHARE)[activity]
    return FIDGET_G * moving[:, None] * rng.normal(size=(n, 3))


def _smooth(values: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Return the centred moving average (n, C) over about `width` samples, the ends held."""
    half = max(1, round(width / 2))
    padded = np.concatenate([values[:1].repeat(half, axis=0), values, values[-1:].repeat(half, axis=0)])
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(padded, axis=0)])
    mean: NDArray[np.float64] = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return mean


def _by_activity(table: dict[Activity, float] | dict[Activity, tuple[float, float, float]]) -> NDArray[np.float64]:
    """Return the table as an array whose rows are indexed by activity."""
    return np.array([table[activity] for activity in Activity])
