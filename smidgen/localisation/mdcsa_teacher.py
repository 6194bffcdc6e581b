"""MDCSA under a conditional random field as a contestant: the last room of the most probable path through each window.

Its authors train for 300 epochs of large batches on an accelerator; a processor allows less, with smaller batches and a
higher rate (docs/training.md).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Recording, validation_split
from smidgen.decoding import observed_adjacency
from smidgen.jobs import alone_in
from smidgen.localisation.answers import Probabilities
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.localisation.stretches import Stretch
from smidgen.models import MDCSACRF, MDCSACRFConfig
from smidgen.training.mdcsa_training import MDCSATrainingConfig, last_rooms, train_mdcsa

_WIDTH = 32
_EPOCHS = 20
_BATCH = 64
_HALL = "hall"


def fit_mdcsa(fold: Fold, *, faithful: bool, seed: int, folder: Path) -> MDCSATeacher:
    """Train on a fold's windows, or continue where a kill left it; one training recording chooses the epoch.

    Args: faithful, with its authors' two departures from what is usual, or repaired.
    """
    parts = validation_split(fold.split.train, seed=seed)
    training, validation = (fold.benchmark.windows(side) for side in (parts.train, parts.test))
    torch.manual_seed(seed)
    model = MDCSACRF(
        MDCSACRFConfig(
            n_access_points=len(training.access_points),
            n_motion=training.motion.shape[2],
            n_rooms=len(training.rooms),
            d_model=_WIDTH,
            n_positions=fold.preset.length,
            faithful=faithful,
        )
    )
    config = MDCSATrainingConfig(
        seed=seed,
        epochs=_EPOCHS,
        batch_size=min(_BATCH, len(training)),
        learning_rate=2e-3,
        hall=_passage(fold),
    )
    own = folder / f"seed-{seed}"
    with alone_in(own):
        trained = train_mdcsa(model, training, validation, config, own / "training", progress=False).model
    return MDCSATeacher(trained.eval(), fold)


class MDCSATeacher:
    """A trained teacher, in PyTorch; it is asked the scored decisions only."""

    def __init__(self, model: MDCSACRF, fold: Fold) -> None:
        self.prior: NDArray[np.float64] = fold.prior
        self._model = model
        self._fold = fold

    @property
    def parameters(self) -> int:
        """Weights of the network and of its random field."""
        return sum(parameter.numel() for parameter in self._model.parameters())

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R): a path names a room, not how likely it is, so 1 for that one; NaN where nothing is scored."""
        windows = self._fold.benchmark.windows((recording,))
        index = np.rint(windows.time_s / HOP_S).astype(np.intp) - 1
        rooms, heard = last_rooms(self._model, windows), index < stretch.end
        answers = np.full((stretch.end, len(recording.rooms)), np.nan)
        answers[index[heard]] = np.eye(len(recording.rooms))[rooms[heard]]
        return answers[stretch.heard_from :]


def _passage(fold: Fold) -> str:
    """Return the room that the auxiliary head learns to tell: the hall, or what most rooms adjoin."""
    if _HALL in fold.rooms:
        return _HALL
    ways = observed_adjacency(fold.decisions, n_rooms=len(fold.rooms)).sum(axis=1)
    return fold.rooms[int(np.argmax(ways))]
