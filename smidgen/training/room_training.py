"""What Lightning asks of a room classifier: the loss of a batch and the scores of a validation batch.

Shapes: b batch, t time steps, A access points, M motion channels, R rooms.
"""

from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from smidgen.models import RoomClassifier
from smidgen.training.augmentation import augment_rssi
from smidgen.training.classifier_training import ClassifierTraining
from smidgen.training.config import TrainingConfig
from smidgen.training.losses import room_loss
from smidgen.training.randomness import Stream, generator


class RoomTraining(ClassifierTraining):
    """Trains a classifier on batches of rssi (b, t, A) int8, motion (b, t, M), room (b, t), label (b,)."""

    config: TrainingConfig
    weight: Tensor  # (R,)

    def __init__(self, model: RoomClassifier, config: TrainingConfig, *, weight: Tensor, n_steps: int) -> None:
        super().__init__(model, config, n_steps=n_steps)
        self.register_buffer("weight", weight, persistent=False)
        self.validation_macro_f1 = MulticlassF1Score(model.config.n_rooms, average="macro")
        self.validation_accuracy = MulticlassAccuracy(model.config.n_rooms, average="micro")

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        rssi, motion, room, label = batch
        draw = generator(seed=self.config.seed, stream=Stream.AUGMENTATION, index=self.global_step, device=rssi.device)
        logits = self.model(augment_rssi(rssi.float(), self.config.augmentation, generator=draw), motion)
        loss = room_loss(
            logits,
            label=label.long(),
            room=room.long(),
            weight=self.weight,
            step_weight=self.config.step_weight,
            label_smoothing=self.config.label_smoothing,
        )
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        rssi, motion, _, label = batch
        last = self.model(rssi.float(), motion)[:, -1]
        self.validation_macro_f1.update(last, label)
        self.validation_accuracy.update(last, label)
        self.log("validation_macro_f1", self.validation_macro_f1, prog_bar=True)
        self.log("validation_accuracy", self.validation_accuracy)
