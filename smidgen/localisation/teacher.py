"""Teachers as contestants: networks that hear a whole recording before they answer, several of them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Recording
from smidgen.localisation.answers import Probabilities
from smidgen.localisation.fold import Fold, learned_prior
from smidgen.localisation.hearing import heard_frames
from smidgen.localisation.recording_training import train_members
from smidgen.localisation.stretches import Stretch
from smidgen.models import RoomClassifier
from smidgen.training.confidence import softmax
from smidgen.training.recording_presets import RecordingPreset


def fit_teacher(fold: Fold, preset: RecordingPreset, *, seed: int, folder: Path) -> Teacher:
    """Train the members of an ensemble on a fold's recordings, or continue where a kill left them."""
    members = train_members(fold, preset, seed=seed, folder=folder)
    return Teacher(members, fold, prior=learned_prior(fold, preset.training.class_weight_power))


class Teacher:
    """The mean of what the members say, in PyTorch."""

    def __init__(self, members: Sequence[RoomClassifier], fold: Fold, *, prior: NDArray[np.float64]) -> None:
        self.prior = prior
        self._members = members
        self._fold = fold

    @property
    def parameters(self) -> int:
        """Weights of all members."""
        return sum(parameter.numel() for member in self._members for parameter in member.parameters())

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R)."""
        steps, heard = self._fold.steps_per_hop, heard_frames(self._fold, recording, stretch)
        with torch.no_grad():
            said = [softmax(member(*heard)[0].numpy()[steps - 1 :: steps]) for member in self._members]
        mean: Probabilities = np.mean(said, axis=0)
        return mean
