"""Examples as windows: whatever trains on windows, scores them or compiles for them takes fingerprints and walks too.

Glossary: `n` examples, `T` steps of a window, `A` features, which are levels of radios.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.data.examples import Examples
from smidgen.data.windows import Windows
from smidgen.errors import ConfigError


def example_windows(examples: Examples, *, length: int, step_s: float) -> Windows:
    """Return one window of `length` steps for each example, labelled at every step, without motion.

    A longer example keeps its last steps; a shorter one is preceded by its first step again, so that the window starts
    with something a receiver could have heard. A window's recording is the example's group; its time, which no file
    tells, counts the examples.
    Args: step_s, of one step; any positive number for fingerprints, which have but one.
    Raises ConfigError for a length or step that is not positive, DataError where the examples are no levels in dBm.
    """
    if length < 1 or not step_s > 0:
        raise ConfigError(f"a window needs at least 1 step of a positive length, got {length} of {step_s} s")
    steps = [each[np.maximum(np.arange(len(each) - length, len(each)), 0)] for each in examples.values]
    groups, recording = np.unique(examples.group, return_inverse=True)
    rssi = replace(examples, values=steps).rssi_codes()
    return Windows(
        rssi=rssi,
        motion=np.zeros((len(rssi), length, 0), dtype=np.float32),
        room=np.repeat(examples.label[:, None], length, axis=1),
        label=examples.label,
        time_s=np.arange(len(rssi), dtype=np.float64) * (length * step_s),
        recording=recording.astype(np.int32),
        recordings=tuple(groups.tolist()),
        rooms=examples.classes,
        access_points=examples.features,
        step_s=step_s,
        hop_s=length * step_s,
        counts=examples.counts,
    )
