"""Fingerprint, then live: a model of a home learns from a calibration walk and is scored on the days after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smidgen.data.decisions import decide
from smidgen.data.recording import Recording
from smidgen.data.splits import Split
from smidgen.errors import DataError


def fingerprint_then_live(calibration: Sequence[Recording], living: Sequence[Recording]) -> Split[Recording]:
    """Return the split that trains on calibration walks and tests on living, all of one home.

    Raises DataError where a side is empty, a recording is on both sides, recordings differ in home, rooms or access
    points, or somebody lives in a room that no calibration walk visited: it could not be learnt.
    """
    if not (calibration and living):
        raise DataError(
            f"a home needs calibration and living: got {len(calibration)} and {len(living)} recordings. Record a walk "
            "through all rooms, then a few hours of living."
        )
    first = calibration[0]
    for recording in (*calibration, *living):
        for what in ("home", "rooms", "access_points"):
            if getattr(recording, what) != getattr(first, what):
                raise DataError(
                    f"{recording.name} and {first.name} differ in {what}: {getattr(recording, what)} against "
                    f"{getattr(first, what)}. Import the files of one home together."
                )
    both = sorted({r.name for r in calibration} & {r.name for r in living})
    if both:
        raise DataError(f"{both[0]} is calibration and living: its score would be of what was learnt by heart.")
    learnt = _decisions_by_room(calibration)
    asked = _decisions_by_room(living)
    unvisited = [name for name, a, b in zip(first.rooms, learnt, asked, strict=True) if b and not a]
    if unvisited:
        raise DataError(
            f"{first.home}: the living recordings ask for {', '.join(unvisited)}, which no calibration walk visited. "
            "Walk through every room, or leave its label empty."
        )
    if not sum(asked):
        raise DataError(
            f"{first.home}: no decision of the living recordings has a room, so there is nothing to score. Note rooms "
            "for an hour at least."
        )
    return Split(name=f"{first.home}: calibration to living", train=tuple(calibration), test=tuple(living))


def _decisions_by_room(recordings: Sequence[Recording]) -> list[int]:
    """Return how many scored decisions each room has."""
    label = np.concatenate([decide(recording).label for recording in recordings])
    return [int((label == room).sum()) for room in range(len(recordings[0].rooms))]
