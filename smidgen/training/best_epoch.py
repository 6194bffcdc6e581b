"""Early stopping: a training ends when its validation score has not risen for long, with the weights of its best epoch.

Its scores on that validation set are optimistic, since they chose the epoch: report those of other recordings.
"""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn


class BestEpoch(Callback):
    """Watches a validation score that should rise; everything it knows travels in the checkpoint.

    Args: score, as logged; patience, epochs without a new best after which training ends; first_epoch, the first that
    may be the best, since the earliest scores are noise.
    """

    def __init__(self, *, score: str, patience: int, first_epoch: int) -> None:
        self.score = score
        self.patience = patience
        self.first_epoch = first_epoch
        self.scores: dict[str, float] = {}  # all validation scores of the best epoch
        self.weights: dict[str, Tensor] = {}
        self.waited = 0  # epochs since the best

    @property
    def found(self) -> bool:
        """Whether there is a best epoch: not before `first_epoch`."""
        return bool(self.weights)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.current_epoch < self.first_epoch:
            return
        if self.waited < self.patience:  # a run that was killed after its last epoch comes here once more
            self._judge(validation_scores(trainer), _model(pl_module))
        trainer.should_stop = self.waited >= self.patience

    def _judge(self, scores: dict[str, float], model: nn.Module) -> None:
        """Keep the weights of an epoch that is the best so far, or count it."""
        if self.found and scores[self.score] <= self.scores[self.score]:
            self.waited += 1
            return
        self.scores, self.waited = scores, 0
        self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Behind the last checkpoint, which holds the weights of the last epoch."""
        if self.found:
            _model(pl_module).load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"scores": self.scores, "weights": self.weights, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.scores, self.weights, self.waited = (state_dict[name] for name in ("scores", "weights", "waited"))


def validation_scores(trainer: pl.Trainer) -> dict[str, float]:
    """Return the validation scores of the last epoch by name."""
    return {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("validation_")}


def _model(module: pl.LightningModule) -> nn.Module:
    """Return what is trained, without its loss and metrics."""
    return module.get_submodule("model")
