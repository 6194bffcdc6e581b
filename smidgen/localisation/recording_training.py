"""Training of networks on the whole recordings of a fold: one, or the members of an ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import make_sequences
from smidgen.jobs import alone_in
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.models import RoomClassifier, build_model
from smidgen.training.recording_presets import RecordingPreset
from smidgen.training.recording_training import train_on_recordings


def train_members(
    fold: Fold,
    preset: RecordingPreset,
    *,
    seed: int,
    folder: Path,
    soft_targets: NDArray[np.floating] | None = None,
) -> list[RoomClassifier]:
    """Return the networks of ensemble `seed`, each trained in a folder of its own; see `train_on_fold`."""
    return [
        train_on_fold(fold, preset, seed=member, folder=folder / f"seed-{member}", soft_targets=soft_targets)
        for member in preset.member_seeds(seed)
    ]


def train_on_fold(
    fold: Fold,
    preset: RecordingPreset,
    *,
    seed: int,
    folder: Path,
    soft_targets: NDArray[np.floating] | None = None,
) -> RoomClassifier:
    """Return a network trained on a fold's recordings, in a folder of its own, where a killed training continues.

    Args: soft_targets (d, R), what a teacher says of the recordings' decisions, in their order.
    """
    sequences = make_sequences([fold.frames(recording) for recording in fold.split.train], hop_s=HOP_S)
    torch.manual_seed(seed)
    model = build_model(
        preset.model,
        n_access_points=len(sequences.access_points),
        n_motion=sequences.motion.shape[2],
        n_rooms=len(sequences.rooms),
        **preset.shape,
    )
    with alone_in(folder):
        return train_on_recordings(
            model,
            sequences,
            None,
            preset.training_for(seed),
            folder / "training",
            soft_targets=soft_targets,
            progress=False,
        ).model
