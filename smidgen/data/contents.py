"""A hash of recordings: what was found on some is read back for those very ones, whatever they are called."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from smidgen.data.recording import Recording
from smidgen.data.splits import Split


def recording_hash(recording: Recording) -> str:
    """Return a hash of all that a recording holds, but for what its loader counted."""
    names = (recording.name, recording.home, recording.subject, recording.rooms, recording.access_points)
    digest = hashlib.sha256(json.dumps([*names, recording.present]).encode())
    for array in (recording.time_s, recording.rssi_dbm, recording.acceleration_g, recording.room):
        if array is None:
            digest.update(b"none")
        else:
            digest.update(f"{array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def split_hash(split: Split[Recording]) -> str:
    """Return a hash of the recordings of both sides, in their order."""
    sides = [[recording_hash(recording) for recording in side] for side in (split.train, split.test)]
    return hashlib.sha256(json.dumps(sides).encode()).hexdigest()
