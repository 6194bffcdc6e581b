"""Whole recordings of a home with two rooms and two access points, learnable in a few steps."""

import numpy as np

from smidgen.data import Recording, Sequences, make_sequences, to_frames


def recording(*, seed: int = 0, seconds: float = 120.0) -> Recording:
    """A person changes room every 10 s; access point "near" is loud in the kitchen and faint in the living room."""
    draw = np.random.default_rng(seed)
    time_s = np.arange(0.0, seconds, 0.1) + 0.05
    room = (time_s // 10 % 2).astype(np.int16)
    level = -70.0 + draw.normal(0.0, 3.0, (len(time_s), 2))
    level[:, 0] += np.where(room == 0, 20.0, -20.0)
    return Recording(
        name=f"synthetic/{seed}",
        home="synthetic",
        subject="somebody",
        time_s=time_s,
        rssi_dbm=level.astype(np.float32),
        acceleration_g=draw.normal(0.0, 0.1, (len(time_s), 3)).astype(np.float32),
        room=room,
        rooms=("kitchen", "living"),
        access_points=("near", "far"),
        present=(True, True),
    )


def sequences(*seeds: int, seconds: float = 120.0) -> Sequences:
    """One recording a seed, in frames of 1 s; every second frame ends a decision."""
    return make_sequences([to_frames(recording(seed=seed, seconds=seconds), step_s=1.0) for seed in seeds])
