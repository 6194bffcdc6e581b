"""Students that learn from what a teacher says, of recordings that the teacher never saw.

For each training recording a teacher is trained on the others, so that neither it nor what is held out has a part in
its soft labels. Folds share teachers: without recordings A and B, one speaks of A for those who hold out B, and of B
for those who hold out A.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.data import Recording, Split, decide
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.localisation.hearing import all_of
from smidgen.localisation.stream_student import StreamStudent, fit_stream
from smidgen.localisation.teacher import fit_teacher
from smidgen.training.recording_presets import RecordingPreset

_TEACHER_SEED = 0
"""Of all teachers, whatever the student's: their mean would be more to train, not another student."""


def fit_distilled(
    fold: Fold, preset: RecordingPreset, teacher: RecordingPreset, *, seed: int, folder: Path, teachers: Path
) -> StreamStudent:
    """Train a causal network on a fold's recordings and on what teachers say of each.

    Args: folder, of the student; teachers, of the trainings that folds share.
    """
    said = [_soft_targets(fold, recording, teacher, teachers) for recording in fold.split.train]
    return fit_stream(fold, preset, seed=seed, folder=folder, soft_targets=np.concatenate(said))


def _soft_targets(fold: Fold, recording: Recording, preset: RecordingPreset, folder: Path) -> NDArray[np.float64]:
    """Return the probabilities (n, R) of a recording's decisions by a teacher that heard neither it nor the test."""
    others = tuple(other for other in fold.split.train if other is not recording)
    without = sorted(each.name.replace("/", "-") for each in (recording, *fold.split.test))
    blind = replace(fold, split=Split(name=recording.name, train=others, test=(recording,)))
    found = fit_teacher(blind, preset, seed=_TEACHER_SEED, folder=folder / ("without-" + "-".join(without)))
    return found.probabilities(recording, all_of(recording))[decide(recording, hop_s=HOP_S).index]
