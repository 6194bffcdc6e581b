"""Training of the MDCSA-CRF teacher as its authors do it, in a run folder, resumed after a kill like every other.

Shapes: n windows, b batch, t time steps, A access points, M motion channels, R rooms.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from smidgen.data import UNLABELLED, Windows
from smidgen.errors import ConfigError, nearest
from smidgen.models import MDCSACRF
from smidgen.training.batches import fingerprint, scoring_batches, training_batches
from smidgen.training.best_epoch import BestEpoch
from smidgen.training.checkpoint import is_complete, load_weights, open_run, read_result
from smidgen.training.classifier_training import ResumableTraining
from smidgen.training.config import LoopConfig
from smidgen.training.lookahead import LookaheadRAdam
from smidgen.training.loop import check_inputs
from smidgen.training.randomness import Stream, generator
from smidgen.training.run import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class MDCSATrainingConfig(LoopConfig):
    """How the teacher is trained; the defaults are the authors'."""

    epochs: int = 300  # at most
    batch_size: int = 1024  # windows
    learning_rate: float = 1e-4
    lookahead_steps: int = 5
    lookahead_rate: float = 0.5
    patience: int = 30  # epochs without a better validation accuracy
    first_epoch: int = 5  # the first whose accuracy counts
    hall: str = "hall"  # the room that the auxiliary head learns to tell

    def __post_init__(self) -> None:
        LoopConfig.__post_init__(self)
        for name, least in (("lookahead_steps", 1), ("patience", 1), ("first_epoch", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"training: {name} must be at least {least}, got {getattr(self, name)}")
        if not 0.0 < self.lookahead_rate <= 1.0:
            raise ConfigError(f"training: lookahead_rate must lie in (0, 1], got {self.lookahead_rate}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MDCSATrainingResult:
    """A complete run."""

    model: MDCSACRF  # with the weights of its best epoch, in evaluation mode
    run_folder: Path
    seconds: float  # of this call
    validation_accuracy: float  # of the best epoch, which it chose
    validation_macro_f1: float


def train_mdcsa(
    model: MDCSACRF,
    train_windows: Windows,
    validation_windows: Windows,
    config: MDCSATrainingConfig,
    run_folder: Path,
    *,
    progress: bool = True,
    accelerator: str = "cpu",
) -> MDCSATrainingResult:
    """Train `model` in place until the accuracy of validation windows rises no more; leave a complete run.

    Ranges for scaling come from the training windows alone. Validation windows choose the epoch, so they must not be
    those that the teacher is judged by. Repeating the call continues or reads back the run.
    Raises: CheckpointError where the folder holds a run of another config, DataError where windows and model disagree,
    ConfigError where there is no room of the name `config.hall`.
    """
    started = time.monotonic()
    parts = {"train": train_windows, "validation": validation_windows}
    for part, windows in parts.items():
        check_inputs(model, windows, part)
    if config.hall not in train_windows.rooms:
        raise ConfigError(f"no room is called {config.hall!r}; {nearest(config.hall, train_windows.rooms)}")
    data = {part: fingerprint(windows) for part, windows in parts.items()}
    open_run(run_folder, {"mdcsa_crf": asdict(model.config), "training": asdict(config), "data": data})
    if not is_complete(run_folder):
        model.fit_scaler(torch.from_numpy(train_windows.rssi).float(), torch.from_numpy(train_windows.motion))
        fit(
            MDCSATraining(model, config, hall=train_windows.rooms.index(config.hall)),
            training_batches(train_windows, batch_size=config.batch_size, seed=config.seed),
            scoring_batches(validation_windows),
            run_folder,
            progress=progress,
            accelerator=accelerator,
            best=BestEpoch(score="validation_accuracy", patience=config.patience, first_epoch=config.first_epoch),
        )
    load_weights(model, run_folder)
    scores = read_result(run_folder)
    return MDCSATrainingResult(
        model=model,
        run_folder=run_folder,
        seconds=time.monotonic() - started,
        validation_accuracy=scores["validation_accuracy"],
        validation_macro_f1=scores["validation_macro_f1"],
    )


def last_rooms(model: MDCSACRF, windows: Windows) -> NDArray[np.int16]:
    """Return the room (n,) at the last step of each window's most probable sequence: what is scored."""
    with torch.no_grad():
        parts = [model.decode(rssi.float(), motion)[:, -1] for rssi, motion, *_ in scoring_batches(windows)]
    rooms: NDArray[np.int16] = torch.cat(parts).numpy().astype(np.int16)
    return rooms


class MDCSATraining(ResumableTraining):
    """Trains a teacher on batches of rssi (b, t, A) int8, motion (b, t, M), room (b, t), label (b,)."""

    config: MDCSATrainingConfig
    model: MDCSACRF

    def __init__(self, model: MDCSACRF, config: MDCSATrainingConfig, *, hall: int) -> None:
        super().__init__(model, config)
        self.hall = hall
        self.validation_macro_f1 = MulticlassF1Score(model.config.n_rooms, average="macro")
        self.validation_accuracy = MulticlassAccuracy(model.config.n_rooms, average="micro")

    def configure_optimizers(self) -> LookaheadRAdam:
        return LookaheadRAdam(
            self.model.parameters(),
            lr=self.config.learning_rate,
            lookahead_steps=self.config.lookahead_steps,
            lookahead_rate=self.config.lookahead_rate,
        )

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        rssi, motion, room, label = batch
        draw = generator(seed=self.config.seed, stream=Stream.DROPOUT, index=self.global_step)
        with torch.random.fork_rng():  # dropout takes torch's own generator: a resumed run must draw the same
            torch.manual_seed(draw.initial_seed())
            emissions, hall = self.model(rssi.float(), motion)
        rooms = torch.cat([room[:, :-1], label[:, None]], dim=1).long()
        loss = mdcsa_loss(self.model, emissions, hall, rooms=rooms, hall_room=self.hall)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        rssi, motion, _, label = batch
        last = self.model.decode(rssi.float(), motion)[:, -1]
        self.validation_macro_f1.update(last, label)
        self.validation_accuracy.update(last, label)
        self.log("validation_macro_f1", self.validation_macro_f1)
        self.log("validation_accuracy", self.validation_accuracy, prog_bar=True)


def mdcsa_loss(model: MDCSACRF, emissions: Tensor, hall: Tensor, *, rooms: Tensor, hall_room: int) -> Tensor:
    """Return the mean negative log-likelihood of the rooms, plus binary cross entropy of being in the hall.

    Args: emissions (b, t, R); hall (b, t) logits; rooms (b, t), UNLABELLED where nobody knows: the likelihood sums over
    what the room may have been there, and the hall is not asked. The last step of each window is always known.
    """
    known = rooms.ne(UNLABELLED)
    likelihood = model.crf.log_likelihood(emissions, rooms, known).mean()
    auxiliary = F.binary_cross_entropy_with_logits(hall[known], rooms[known].eq(hall_room).float())
    return auxiliary - likelihood
