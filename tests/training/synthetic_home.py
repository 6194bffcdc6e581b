"""Windows of a home with two rooms and two access points, learnable in a few steps: for tests of the loop."""

import numpy as np

from smidgen.data import Windows


def windows(*, n: int = 96, seed: int = 0, access_points: tuple[str, ...] = ("near", "far")) -> Windows:
    """Each window is one room long; access point 0 is loud in room 0 and faint in room 1."""
    draw = np.random.default_rng(seed)
    steps = 6
    label = draw.integers(0, 2, n).astype(np.int16)
    rssi = np.full((n, steps, len(access_points)), -70.0) + draw.normal(0.0, 3.0, (n, steps, len(access_points)))
    rssi[:, :, 0] += np.where(label == 0, 20.0, -20.0)[:, None]
    return Windows(
        rssi=np.rint(rssi).astype(np.int8),
        motion=draw.normal(0.0, 0.1, (n, steps, 6)).astype(np.float32),
        room=np.repeat(label[:, None], steps, axis=1),
        label=label,
        time_s=2.0 * np.arange(1.0, n + 1.0),
        recording=np.zeros(n, dtype=np.int32),
        recordings=("synthetic/1",),
        rooms=("kitchen", "living"),
        access_points=access_points,
        step_s=1.0,
        hop_s=2.0,
        counts={},
    )
