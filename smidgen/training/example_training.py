"""Networks on fingerprints and short sequences: trained on each fold of a protocol, answering for what it holds out.

A run folder holds one training a fold and seed, `<fold>/seed-<seed>`, resumed or read back as `train` does.
Glossary: `n` windows, `R` classes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import TensorDataset

from smidgen.data import Windows
from smidgen.data.protocols import Fold
from smidgen.errors import DataError
from smidgen.models import RoomClassifier, build_model
from smidgen.training.batches import ordered_batches
from smidgen.training.loop import train
from smidgen.training.presets import ModelPreset


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOut:
    """What the trainings of a protocol say of the windows that none of them saw."""

    tested: NDArray[np.intp]  # (n,) indices into the windows, fold after fold
    probabilities: NDArray[np.float64]  # (n, R)
    models: tuple[RoomClassifier, ...]  # one a fold


def held_out_answers(
    windows: Windows,
    folds: Iterable[Fold],
    preset: ModelPreset,
    run_folder: Path,
    *,
    model: str,
    seed: int,
    progress: bool = False,
) -> HeldOut:
    """Train a network on the training side of each fold, or read it back, and let it answer for the other side.

    Args: model, one of MODEL_NAMES, in the sizes of the preset; seed, of weights, order and augmentation.
    Raises DataError where there is no fold, and as `train`.
    """
    tested, probabilities, models = [], [], []
    for fold in folds:
        torch.manual_seed(seed)
        untrained = build_model(
            model,
            n_access_points=len(windows.access_points),
            n_motion=windows.motion.shape[2],
            n_rooms=len(windows.rooms),
            **preset.shape,
        )
        folder = run_folder / fold.name.replace(" ", "-") / f"seed-{seed}"
        trained = train(
            untrained, windows[fold.train], None, preset.training_for(seed), folder, progress=progress
        ).model
        tested.append(fold.test)
        probabilities.append(window_probabilities(trained, windows[fold.test]))
        models.append(trained)
    if not models:
        raise DataError("there is no fold to train on: the protocol yielded none")
    return HeldOut(tested=np.concatenate(tested), probabilities=np.concatenate(probabilities), models=tuple(models))


def window_probabilities(model: RoomClassifier, windows: Windows) -> NDArray[np.float64]:
    """Return the probability (n, R) of each class at the last step of each window."""
    inputs = TensorDataset(torch.from_numpy(windows.rssi), torch.from_numpy(windows.motion))
    with torch.no_grad():
        logits = [model(rssi.float(), motion)[:, -1] for rssi, motion in ordered_batches(inputs)]
    found: NDArray[np.float64] = torch.cat(logits).double().softmax(-1).numpy()
    return found
