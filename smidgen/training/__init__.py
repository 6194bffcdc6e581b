"""Training of classifiers of rooms and of keywords: loops, losses, augmentation and checkpoints, and baselines."""

from smidgen.training.augmentation import AugmentationConfig, augment_rssi
from smidgen.training.checkpoint import load_model
from smidgen.training.config import TrainingConfig
from smidgen.training.distillation import DistillationConfig
from smidgen.training.keyword_training import KeywordExamples, KeywordTrainingConfig, train_keywords
from smidgen.training.loop import TrainingResult, train
from smidgen.training.losses import class_weights, room_loss
from smidgen.training.mdcsa_training import (
    MDCSATrainingConfig,
    MDCSATrainingResult,
    last_rooms,
    train_mdcsa,
)
from smidgen.training.recording_training import RecordingTrainingConfig, train_on_recordings

__all__ = [
    "AugmentationConfig",
    "DistillationConfig",
    "KeywordExamples",
    "KeywordTrainingConfig",
    "MDCSATrainingConfig",
    "MDCSATrainingResult",
    "RecordingTrainingConfig",
    "TrainingConfig",
    "TrainingResult",
    "augment_rssi",
    "class_weights",
    "last_rooms",
    "load_model",
    "room_loss",
    "train",
    "train_keywords",
    "train_mdcsa",
    "train_on_recordings",
]
