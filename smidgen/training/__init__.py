"""Training of classifiers of rooms and of keywords: loops, losses, augmentation and checkpoints, and baselines."""

from smidgen.training.augmentation import AugmentationConfig, augment_rssi
from smidgen.training.checkpoint import load_model
from smidgen.training.config import TrainingConfig
from smidgen.training.keyword_training import KeywordExamples, KeywordTrainingConfig, train_keywords
from smidgen.training.loop import TrainingResult, train
from smidgen.training.losses import class_weights, room_loss

__all__ = [
    "AugmentationConfig",
    "KeywordExamples",
    "KeywordTrainingConfig",
    "TrainingConfig",
    "TrainingResult",
    "augment_rssi",
    "class_weights",
    "load_model",
    "room_loss",
    "train",
    "train_keywords",
]
