"""Lightning in a run folder: a training that is begun, or continued after a kill, until its weights lie there."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from smidgen.training.best_epoch import BestEpoch, validation_scores
from smidgen.training.checkpoint import CHECKPOINT, WholeFileCheckpointIO, save_model, save_result
from smidgen.training.classifier_training import ResumableTraining


def fit(
    module: ResumableTraining,
    batches: DataLoader[tuple[Tensor, ...]],
    scoring: DataLoader[tuple[Tensor, ...]] | None,
    run_folder: Path,
    *,
    progress: bool,
    accelerator: str = "cpu",
    best: BestEpoch | None = None,
) -> int:
    """Train from the last whole checkpoint of the folder, if any; leave scores and weights, return the first epoch.

    Args: batches, of one epoch; scoring, what is scored after each epoch for the logs; best, where the scores also
    decide when to stop and which weights stay.
    """
    with _quiet(), one_thread():
        scores = _fit(module, batches, scoring, run_folder, progress=progress, accelerator=accelerator, best=best)
    save_result(run_folder, scores)
    save_model(module.model, run_folder)  # last: its presence says that the run is complete
    return module.first_epoch


def _fit(
    module: ResumableTraining,
    batches: DataLoader[tuple[Tensor, ...]],
    scoring: DataLoader[tuple[Tensor, ...]] | None,
    run_folder: Path,
    *,
    progress: bool,
    accelerator: str,
    best: BestEpoch | None,
) -> dict[str, float]:
    checkpoint = run_folder / CHECKPOINT
    last = ModelCheckpoint(
        dirpath=checkpoint.parent,
        filename=checkpoint.stem,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    trainer = pl.Trainer(
        max_epochs=module.config.epochs,
        gradient_clip_val=module.gradient_clip,
        accelerator=accelerator,
        devices=1,
        logger=[CSVLogger(run_folder, name="logs/csv"), TensorBoardLogger(run_folder, name="logs/tensorboard")],
        callbacks=[last] if best is None else [best, last],
        plugins=[WholeFileCheckpointIO()],
        log_every_n_steps=len(batches),
        num_sanity_val_steps=0,
        enable_progress_bar=progress,
        enable_model_summary=False,
    )
    trainer.fit(module, batches, scoring, ckpt_path=checkpoint if checkpoint.exists() else None)
    if best is not None and best.found:
        return dict(best.scores)
    return validation_scores(trainer)


@contextmanager
def one_thread() -> Iterator[None]:
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
