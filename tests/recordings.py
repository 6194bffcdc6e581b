"""Small recordings for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from smidgen.data import Recording

ROOMS = ("hall", "kitchen", "living")
ACCESS_POINTS = ("kitchen", "living")


def make_recording(time_s: Sequence[float], /, **changes: Any) -> Recording:
    """Return a recording at the given times: -70 dBm everywhere, in the hall, at rest; any field may be changed."""
    n = len(time_s)
    fields: dict[str, Any] = {
        "name": "test/1",
        "home": "test",
        "subject": "somebody",
        "time_s": np.asarray(time_s, dtype=np.float64),
        "rssi_dbm": np.full((n, len(ACCESS_POINTS)), -70.0, dtype=np.float32),
        "acceleration_g": np.tile(np.float32([0.0, 0.0, 1.0]), (n, 1)),
        "room": np.zeros(n, dtype=np.int16),
        "rooms": ROOMS,
        "access_points": ACCESS_POINTS,
        "present": (True,) * len(ACCESS_POINTS),
    }
    return Recording(**(fields | changes))


def every(step_s: float, duration_s: float) -> np.ndarray:
    """Return times on a grid, from half a step on."""
    return np.arange(0, duration_s, step_s) + step_s / 2
