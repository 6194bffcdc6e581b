"""Training on whole recordings: crops with random starts, a loss at every frame, soft targets at the decisions.

A streaming model answers with a state that no window bounds. So it learns from crops that are minutes long and start
anywhere, and is scored over whole recordings. With a delay it answers for the decision that many frames ago.
Shapes: b crops, t frames, A access points, M motion channels, d decisions, R rooms.
"""

import hashlib
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from smidgen.data import UNLABELLED, Sequences
from smidgen.errors import ConfigError
from smidgen.models import RoomClassifier
from smidgen.training.augmentation import AugmentationConfig, augment_rssi
from smidgen.training.checkpoint import is_complete, open_run
from smidgen.training.classifier_training import ClassifierTraining
from smidgen.training.config import OptimizationConfig
from smidgen.training.distillation import DistillationConfig, checked_soft_targets, distillation_loss
from smidgen.training.loop import TrainingResult, check_inputs, read_run
from smidgen.training.losses import class_weights
from smidgen.training.randomness import Stream, generator
from smidgen.training.recording_batches import NO_DECISION, scoring_crops, sequences_fingerprint, training_crops
from smidgen.training.run import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTrainingConfig(OptimizationConfig):
    """How a room classifier is trained on whole recordings; `batch_size` counts crops."""

    crop_frames: int = 80
    batches_per_epoch: int = 20
    delay_frames: int = 0  # the model answers at each frame for this many frames before
    silence_frames: int = 0  # the first crop of a recording begins so many before it, as its first windows do
    class_weight_power: float = 0.65  # 0 weighs each decision alike, 1 each room alike
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)  # used where soft targets are given

    def __post_init__(self) -> None:
        OptimizationConfig.__post_init__(self)
        for name, least in (("crop_frames", 2), ("batches_per_epoch", 1), ("delay_frames", 0), ("silence_frames", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"training: {name} must be at least {least}, got {getattr(self, name)}")
        if self.delay_frames >= self.crop_frames:
            raise ConfigError(
                f"training: a crop of {self.crop_frames} frames holds no answer with a delay of {self.delay_frames}; "
                "lengthen crop_frames"
            )
        if self.silence_frames >= self.crop_frames:
            raise ConfigError(
                f"training: a crop of {self.crop_frames} frames hears nothing after {self.silence_frames} of silence; "
                "lengthen crop_frames"
            )
        if not 0.0 <= self.class_weight_power <= 1.0:
            raise ConfigError(f"training: class_weight_power must lie in [0, 1], got {self.class_weight_power}")


def train_on_recordings(
    model: RoomClassifier,
    training: Sequences,
    validation: Sequences | None,
    config: RecordingTrainingConfig,
    run_folder: Path,
    *,
    soft_targets: NDArray[np.floating] | None = None,
    progress: bool = True,
    accelerator: str = "cpu",
) -> TrainingResult:
    """Train `model` in place and leave a complete run in `run_folder`; resumes and refuses as `train` does.

    Args: soft_targets (d, R), a teacher's probabilities for the decisions of `training`, in their order; validation
    recordings are scored whole after each epoch for the logs and decide nothing.
    """
    started = time.monotonic()
    parts = {"train": training} if validation is None else {"train": training, "validation": validation}
    for part, sequences in parts.items():
        check_inputs(model, sequences, part)
    data = {part: sequences_fingerprint(sequences) for part, sequences in parts.items()}
    soft = None
    if soft_targets is not None:
        soft = checked_soft_targets(soft_targets, n_decisions=training.n_decisions, n_rooms=model.config.n_rooms)
        data["soft_targets"] = hashlib.sha256(soft.numpy().tobytes()).hexdigest()
    open_run(run_folder, {"model": model.config.to_dict(), "training": _described(config), "data": data})
    resumed_at = config.epochs
    if not is_complete(run_folder):
        crops = training_crops(
            training,
            length=config.crop_frames,
            delay=config.delay_frames,
            batch_size=config.batch_size,
            batches_per_epoch=config.batches_per_epoch,
            seed=config.seed,
            silence=config.silence_frames,
        )
        label = torch.from_numpy(training.label).long()
        weight = class_weights(label, n_rooms=model.config.n_rooms, power=config.class_weight_power)
        module = RecordingTraining(
            model,
            config,
            weight=weight,
            sometimes_absent=torch.from_numpy(~training.present.all(axis=0)),
            soft_targets=soft,
            n_steps=config.epochs * len(crops),
        )
        scoring = None if validation is None else scoring_crops(validation, delay=config.delay_frames)
        resumed_at = fit(module, crops, scoring, run_folder, progress=progress, accelerator=accelerator)
    return read_run(model, run_folder, resumed_at=resumed_at, started=started)


def _described(config: RecordingTrainingConfig) -> dict[str, Any]:
    """Return what a run folder keeps; without silence that entry stays out, as in runs from before there was any."""
    described = asdict(config)
    if not config.silence_frames:
        del described["silence_frames"]
    return described


class RecordingTraining(ClassifierTraining):
    """Trains a classifier on crops: rssi (b, t, A) int8, motion (b, t, M), room (b, t), decision (b, t)."""

    config: RecordingTrainingConfig
    weight: Tensor  # (R,)
    sometimes_absent: Tensor  # (A,)
    soft_targets: Tensor | None  # (d, R)

    def __init__(
        self,
        model: RoomClassifier,
        config: RecordingTrainingConfig,
        *,
        weight: Tensor,
        sometimes_absent: Tensor,
        soft_targets: Tensor | None,
        n_steps: int,
    ) -> None:
        super().__init__(model, config, n_steps=n_steps)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("sometimes_absent", sometimes_absent, persistent=False)
        self.register_buffer("soft_targets", soft_targets, persistent=False)
        self.validation_macro_f1 = MulticlassF1Score(model.config.n_rooms, average="macro")
        self.validation_accuracy = MulticlassAccuracy(model.config.n_rooms, average="micro")

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        rssi, motion, room, decision = batch
        draw = generator(seed=self.config.seed, stream=Stream.AUGMENTATION, index=self.global_step, device=rssi.device)
        disturbed = augment_rssi(
            rssi.float(), self.config.augmentation, generator=draw, sometimes_absent=self.sometimes_absent
        )
        logits = self.model(disturbed, motion)
        loss = recording_loss(
            logits,
            room=room,
            decision=decision,
            weight=self.weight,
            label_smoothing=self.config.label_smoothing,
            soft_targets=self.soft_targets,
            distillation=self.config.distillation,
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        rssi, motion, room, decision = batch
        answered = decision.ne(NO_DECISION)
        logits = self.model(rssi.float(), motion)[answered]
        self.validation_macro_f1.update(logits, room[answered])
        self.validation_accuracy.update(logits, room[answered])
        self.log("validation_macro_f1", self.validation_macro_f1, prog_bar=True)
        self.log("validation_accuracy", self.validation_accuracy)


def recording_loss(
    logits: Tensor,
    *,
    room: Tensor,
    decision: Tensor,
    weight: Tensor,
    label_smoothing: float,
    soft_targets: Tensor | None,
    distillation: DistillationConfig,
) -> Tensor:
    """Return the loss of a batch of crops: cross entropy at every frame whose room is known, by weight of its room.

    With soft targets it counts 1 - distillation.weight, and the divergence from them at the decisions the rest.
    Args: logits (b, t, R); room and decision (b, t), UNLABELLED and NO_DECISION where there is none; weight (R,);
    soft_targets (d, R). A batch without any label or decision in it has a loss of 0.
    """
    known = room.ne(UNLABELLED)
    total = weight[room[known]].sum().clamp(min=1.0)
    hard = F.cross_entropy(logits[known], room[known], weight=weight, label_smoothing=label_smoothing, reduction="sum")
    hard = hard / total
    if soft_targets is None:
        return hard
    answered = decision.ne(NO_DECISION)
    if not answered.any():
        return (1.0 - distillation.weight) * hard
    soft = distillation_loss(logits[answered], soft_targets[decision[answered]], temperature=distillation.temperature)
    return distillation.weight * soft + (1.0 - distillation.weight) * hard
