"""The training loop: one call trains a room classifier in a run folder, or continues there after a kill.

All that is random (order of windows, augmentation) follows from the seed and the step, so a resumed run ends with the
same weights, bit for bit, as one that was never interrupted on the same machine.
"""

import hashlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Sequences, Windows
from smidgen.errors import DataError
from smidgen.models import MDCSACRF, RoomClassifier
from smidgen.training.batches import fingerprint, scoring_batches, training_batches
from smidgen.training.checkpoint import is_complete, load_weights, open_run, read_result
from smidgen.training.config import TrainingConfig
from smidgen.training.distillation import checked_teaching
from smidgen.training.losses import class_weights
from smidgen.training.room_training import RoomTraining
from smidgen.training.run import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A complete run."""

    model: RoomClassifier  # trained, in evaluation mode
    run_folder: Path
    resumed_at: int  # epochs that earlier calls had done already
    seconds: float  # of this call
    validation_macro_f1: float | None  # after the last epoch; None where no validation windows were given
    validation_accuracy: float | None


def train(
    model: RoomClassifier,
    train_windows: Windows,
    validation_windows: Windows | None,
    config: TrainingConfig,
    run_folder: Path,
    *,
    soft_targets: NDArray[np.floating] | None = None,
    teacher_features: NDArray[np.floating] | None = None,
    progress: bool = True,
    accelerator: str = "cpu",
) -> TrainingResult:
    """Train `model` in place and leave a complete run in `run_folder`, alone or as a teacher's student.

    Repeating the call with the same arguments continues a run that was killed, from its last whole epoch, and returns a
    complete one as it stands. Validation windows are scored after each epoch for the logs; they decide nothing.
    Args: soft_targets (n, R), a teacher's probabilities for the training windows, in their order; teacher_features
    (n, f), what it computes for each, matched where `distillation.feature_weight` is above 0.
    Raises: CheckpointError where the folder holds a run of another config, DataError where windows and model disagree,
    ConfigError for features without a weight or without soft targets.
    """
    started = time.monotonic()
    windows = {"train": train_windows}
    if validation_windows is not None:
        windows["validation"] = validation_windows
    for part, those in windows.items():
        check_inputs(model, those, part)
    taught = checked_teaching(
        soft_targets,
        teacher_features,
        config.distillation,
        n_decisions=len(train_windows),
        n_rooms=model.config.n_rooms,
    )
    asked = asdict(config)
    if not taught:
        asked.pop("distillation")  # it decides nothing
    data = {part: fingerprint(those) for part, those in windows.items()}
    data |= {name: hashlib.sha256(value.numpy().tobytes()).hexdigest() for name, value in taught.items()}
    open_run(run_folder, {"model": model.config.to_dict(), "training": asked, "data": data})
    resumed_at = config.epochs
    if not is_complete(run_folder):
        batches = training_batches(
            train_windows, batch_size=config.batch_size, seed=config.seed, taught=tuple(taught.values())
        )
        label = torch.from_numpy(train_windows.label).long()
        weight = class_weights(label, n_rooms=model.config.n_rooms, power=config.class_weight_power)
        module = RoomTraining(
            model,
            config,
            weight=weight,
            n_steps=config.epochs * len(batches),
            n_features=taught["teacher_features"].shape[1] if "teacher_features" in taught else 0,
        )
        scoring = None if validation_windows is None else scoring_batches(validation_windows)
        resumed_at = fit(module, batches, scoring, run_folder, progress=progress, accelerator=accelerator)
    return read_run(model, run_folder, resumed_at=resumed_at, started=started)


def read_run(model: RoomClassifier, run_folder: Path, *, resumed_at: int, started: float) -> TrainingResult:
    """Load the weights of a complete run into `model`, and return it with its scores; `started` is monotonic time."""
    load_weights(model, run_folder)
    scores = read_result(run_folder)
    return TrainingResult(
        model=model.eval(),
        run_folder=run_folder,
        resumed_at=resumed_at,
        seconds=time.monotonic() - started,
        validation_macro_f1=scores.get("validation_macro_f1"),
        validation_accuracy=scores.get("validation_accuracy"),
    )


def check_inputs(model: RoomClassifier | MDCSACRF, inputs: Windows | Sequences, part: str) -> None:
    """Refuse windows or sequences of another home than the model was built for, and such without a decision."""
    kind = "windows" if isinstance(inputs, Windows) else "sequences"
    for what, expected, found in (
        ("access points", model.config.n_access_points, inputs.rssi.shape[2]),
        ("motion channels", model.config.n_motion, inputs.motion.shape[2]),
        ("rooms", model.config.n_rooms, len(inputs.rooms)),
    ):
        if expected != found:
            raise DataError(f"the model was built for {expected} {what}, the {part} {kind} have {found}")
    if not len(inputs.label):
        raise DataError(f"there are no {part} {kind}: every decision was dropped, see their counts {inputs.counts}")
