"""What Lightning asks of a room classifier: the loss of a batch and the scores of a validation batch.

Shapes: b batch, t time steps, A access points, M motion channels, R rooms, d student's features, f teacher's features.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from smidgen.models import RoomClassifier
from smidgen.training.augmentation import augment_rssi
from smidgen.training.classifier_training import ClassifierTraining
from smidgen.training.config import TrainingConfig
from smidgen.training.distillation import distillation_loss
from smidgen.training.losses import room_loss
from smidgen.training.randomness import Stream, generator


class RoomTraining(ClassifierTraining):
    """Trains a classifier on batches of rssi (b, t, A) int8, motion (b, t, M), room (b, t), label (b,).

    With a teacher, its probabilities (b, R) of the decision stand behind them, and perhaps its features (b, f), to
    which a linear projection of the student's own is learned.
    """

    model: RoomClassifier
    config: TrainingConfig
    weight: Tensor  # (R,)

    def __init__(
        self, model: RoomClassifier, config: TrainingConfig, *, weight: Tensor, n_steps: int, n_features: int = 0
    ) -> None:
        super().__init__(model, config, n_steps=n_steps)
        self.projection = _projection(model.head.in_features, n_features, seed=config.seed) if n_features else None
        self.register_buffer("weight", weight, persistent=False)
        self.validation_macro_f1 = MulticlassF1Score(model.config.n_rooms, average="macro")
        self.validation_accuracy = MulticlassAccuracy(model.config.n_rooms, average="micro")

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        rssi, motion, room, label, *taught = batch
        draw = generator(seed=self.config.seed, stream=Stream.AUGMENTATION, index=self.global_step, device=rssi.device)
        with _features(self.model.head) as features:
            logits = self.model(augment_rssi(rssi.float(), self.config.augmentation, generator=draw), motion)
        loss = room_loss(
            logits,
            label=label.long(),
            room=room.long(),
            weight=self.weight,
            step_weight=self.config.step_weight,
            label_smoothing=self.config.label_smoothing,
        )
        if taught:
            loss = self._taught(loss, logits[:, -1], features[0][:, -1], *taught)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def _taught(
        self, loss: Tensor, logits: Tensor, features: Tensor, probabilities: Tensor, wanted: Tensor | None = None
    ) -> Tensor:
        """Return the loss of labels and teacher together, for the decision's logits (b, R) and features (b, d)."""
        config = self.config.distillation
        soft = distillation_loss(logits, probabilities, temperature=config.temperature)
        total = config.weight * soft + (1.0 - config.weight) * loss
        if self.projection is None or wanted is None:
            return total
        return total + config.feature_weight * F.mse_loss(self.projection(features), wanted)

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        rssi, motion, _, label = batch
        last = self.model(rssi.float(), motion)[:, -1]
        self.validation_macro_f1.update(last, label)
        self.validation_accuracy.update(last, label)
        self.log("validation_macro_f1", self.validation_macro_f1, prog_bar=True)
        self.log("validation_accuracy", self.validation_accuracy)


def _projection(d: int, f: int, *, seed: int) -> nn.Linear:
    """Return a map from a student's features to its teacher's, drawn from a stream of its own."""
    with torch.random.fork_rng(devices=[]):  # the caller's draws stay as they are
        projection = nn.Linear(d, f)
    draw = generator(seed=seed, stream=Stream.PROJECTION, index=0)
    nn.init.normal_(projection.weight, std=d**-0.5, generator=draw)
    nn.init.zeros_(projection.bias)
    return projection


@contextmanager
def _features(head: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what the head of a classifier reads, (b, t, d), while the model runs within."""
    seen: list[Tensor] = []

    def see(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append(inputs[0])

    handle = head.register_forward_pre_hook(see)
    try:
        yield seen
    finally:
        handle.remove()
