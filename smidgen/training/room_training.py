"""What Lightning asks of a room classifier: the loss of a batch, the scores of a validation batch, the optimiser.

Shapes: b batch, t time steps, A access points, M motion channels, R rooms.
"""

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from smidgen.models import RoomClassifier
from smidgen.training.augmentation import augment_rssi
from smidgen.training.config import TrainingConfig
from smidgen.training.losses import room_loss
from smidgen.training.randomness import Stream, generator


class RoomTraining(pl.LightningModule):
    """Trains a classifier on batches of rssi (b, t, A) int8, motion (b, t, M), room (b, t), label (b,)."""

    weight: Tensor  # (R,)

    def __init__(self, model: RoomClassifier, config: TrainingConfig, *, weight: Tensor, n_steps: int) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.n_steps = n_steps  # of the whole training: the length of the schedule
        self.first_epoch = 0
        self.register_buffer("weight", weight, persistent=False)
        self.validation_macro_f1 = MulticlassF1Score(model.config.n_rooms, average="macro")
        self.validation_accuracy = MulticlassAccuracy(model.config.n_rooms, average="micro")

    def on_train_start(self) -> None:
        self.first_epoch = self.current_epoch

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

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, its decay on the matrices of linear, convolution and recurrent layers only (not on A, D or norms)."""
        decayed: list[Tensor] = []
        kept: list[Tensor] = []
        for name, parameter in self.model.named_parameters():
            is_matrix = parameter.ndim >= 2 and name.rpartition(".")[2].startswith("weight")
            (decayed if is_matrix else kept).append(parameter)
        groups = [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": kept, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.config.learning_rate, total_steps=self.n_steps, pct_start=0.15
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
