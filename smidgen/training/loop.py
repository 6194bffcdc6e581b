"""The training loop: one call trains a room classifier in a run folder, or continues there after a kill.

All that is random (order of windows, augmentation) follows from the seed and the step, so a resumed run ends with the
same weights, bit for bit, as one that was never interrupted on the same machine.
"""

import logging
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from smidgen.data import Windows
from smidgen.errors import DataError
from smidgen.models import RoomClassifier
from smidgen.training.batches import fingerprint, scoring_batches, training_batches
from smidgen.training.checkpoint import (
    CHECKPOINT,
    WholeFileCheckpointIO,
    is_complete,
    load_model,
    open_run,
    read_result,
    save_model,
    save_result,
)
from smidgen.training.config import TrainingConfig
from smidgen.training.losses import class_weights
from smidgen.training.room_training import RoomTraining


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
    progress: bool = True,
    accelerator: str = "cpu",
) -> TrainingResult:
    """Train `model` in place and leave a complete run in `run_folder`.

    Repeating the call with the same arguments continues a run that was killed, from its last whole epoch, and returns a
    complete one as it stands. Validation windows are scored after each epoch for the logs; they decide nothing.
    Raises: CheckpointError where the folder holds a run of another config, DataError where windows and model disagree.
    """
    started = time.monotonic()
    windows = {"train": train_windows}
    if validation_windows is not None:
        windows["validation"] = validation_windows
    for part, those in windows.items():
        _check_windows(model, those, part)
    open_run(
        run_folder,
        {
            "model": model.config.to_dict(),
            "training": asdict(config),
            "data": {part: fingerprint(those) for part, those in windows.items()},
        },
    )
    resumed_at = config.epochs
    if not is_complete(run_folder):
        with _quiet(), _one_thread():
            resumed_at, scores = _fit(model, windows, config, run_folder, progress=progress, accelerator=accelerator)
        save_result(run_folder, scores)
        save_model(model, run_folder)  # last: its presence says that the run is complete
    model.load_state_dict(load_model(run_folder).state_dict())
    scores = read_result(run_folder)
    return TrainingResult(
        model=model.eval(),
        run_folder=run_folder,
        resumed_at=resumed_at,
        seconds=time.monotonic() - started,
        validation_macro_f1=scores.get("validation_macro_f1"),
        validation_accuracy=scores.get("validation_accuracy"),
    )


def _fit(
    model: RoomClassifier,
    windows: dict[str, Windows],
    config: TrainingConfig,
    run_folder: Path,
    *,
    progress: bool,
    accelerator: str,
) -> tuple[int, dict[str, float]]:
    """Run Lightning from the last whole checkpoint, if any; return the epoch it began at and the last scores."""
    batches = training_batches(windows["train"], batch_size=config.batch_size, seed=config.seed)
    label = torch.from_numpy(windows["train"].label).long()
    weight = class_weights(label, n_rooms=model.config.n_rooms, power=config.class_weight_power)
    module = RoomTraining(model, config, weight=weight, n_steps=config.epochs * len(batches))
    checkpoint = run_folder / CHECKPOINT
    trainer = pl.Trainer(
        max_epochs=config.epochs,
        gradient_clip_val=config.gradient_clip,
        accelerator=accelerator,
        devices=1,
        logger=[CSVLogger(run_folder, name="logs/csv"), TensorBoardLogger(run_folder, name="logs/tensorboard")],
        callbacks=[
            ModelCheckpoint(
                dirpath=checkpoint.parent,
                filename=checkpoint.stem,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
        ],
        plugins=[WholeFileCheckpointIO()],
        log_every_n_steps=len(batches),
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
    trainer.fit(
        module,
        batches,
        scoring_batches(windows["validation"]) if "validation" in windows else None,
        ckpt_path=checkpoint if checkpoint.exists() else None,
    )
    scores = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("validation_")}
    return module.first_epoch, scores


def _check_windows(model: RoomClassifier, windows: Windows, part: str) -> None:
    """Refuse windows of another home than the model was built for, and none at all."""
    for what, expected, found in (
        ("access points", model.config.n_access_points, windows.rssi.shape[2]),
        ("motion channels", model.config.n_motion, windows.motion.shape[2]),
        ("rooms", model.config.n_rooms, len(windows.rooms)),
    ):
        if expected != found:
            raise DataError(f"the model was built for {expected} {what}, the {part} windows have {found}")
    if not len(windows):
        raise DataError(f"there are no {part} windows: every decision was dropped, see their counts {windows.counts}")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread: models this small gain nothing from more, and two runs can go side by side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what Lightning tells on every run (hardware found, no workers, folder not empty): it is on purpose."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            logger.setLevel(level)
