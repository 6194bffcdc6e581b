"""What trainings have in common: where a resumed run began, and, of most of them, the optimiser and its schedule."""

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from smidgen.training.config import LoopConfig, OptimizationConfig


class ResumableTraining(pl.LightningModule):
    """Trains `model` in a run folder; a subclass says with which loss and optimiser."""

    gradient_clip: float | None = None  # L2 norm

    def __init__(self, model: nn.Module, config: LoopConfig) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.first_epoch = 0

    def on_train_start(self) -> None:
        self.first_epoch = self.current_epoch


class ClassifierTraining(ResumableTraining):
    """Trains `model` for `n_steps` batches in all."""

    config: OptimizationConfig

    def __init__(self, model: nn.Module, config: OptimizationConfig, *, n_steps: int) -> None:
        super().__init__(model, config)
        self.n_steps = n_steps  # the length of the schedule
        self.gradient_clip = config.gradient_clip

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, its decay on the matrices of linear, convolution and recurrent layers only (not on A, D or norms)."""
        decayed: list[Tensor] = []
        kept: list[Tensor] = []
        for name, parameter in self.named_parameters():
            is_matrix = parameter.ndim >= 2 and name.rpartition(".")[2].startswith("weight")
            (decayed if is_matrix else kept).append(parameter)
        groups = [{"params": decayed, "weight_decay": self.config.weight_decay}, {"params": kept, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.config.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=self.config.learning_rate, total_steps=self.n_steps, pct_start=0.15
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
