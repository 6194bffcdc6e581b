"""Training of room classifiers: the loop, its loss, augmentation and checkpoints, and the baselines beside them."""

from smidgen.training.augmentation import AugmentationConfig, augment_rssi
from smidgen.training.checkpoint import load_model
from smidgen.training.config import TrainingConfig
from smidgen.training.loop import TrainingResult, train
from smidgen.training.losses import class_weights, room_loss

__all__ = [
    "AugmentationConfig",
    "TrainingConfig",
    "TrainingResult",
    "augment_rssi",
    "class_weights",
    "load_model",
    "room_loss",
    "train",
]
