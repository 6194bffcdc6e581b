"""Training of keyword spotters in a run folder, resumed after a kill as room classifiers are.

Shapes: n examples, b batch, T frames, F bands.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

from smidgen.errors import ConfigError, DataError
from smidgen.models import KeywordSpotter
from smidgen.training.batches import ordered_batches, shuffled_batches
from smidgen.training.checkpoint import is_complete, load_weights, open_run
from smidgen.training.classifier_training import ClassifierTraining
from smidgen.training.config import OptimizationConfig
from smidgen.training.randomness import Stream, generator
from smidgen.training.run import fit


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordTrainingConfig(OptimizationConfig):
    """How a keyword spotter is trained; the augmentation is what another microphone and moment would have done."""

    longest_delay: int = 0  # frames of silence in front, 0 to this many, what is pushed out behind is lost
    loudness: float = 0.0  # of the whole sound, in the features' unit (20 dB), uniform in +- this
    masked_bands: int = 0  # neighbouring bands that are silent, 0 to this many (SpecAugment, Park et al. 2019)

    def __post_init__(self) -> None:
        OptimizationConfig.__post_init__(self)
        for name in ("longest_delay", "loudness", "masked_bands"):
            if getattr(self, name) < 0:
                raise ConfigError(f"training: {name} must not be negative, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeywordExamples:
    """Features of sounds, silence being 0, and which keyword each is."""

    features: Tensor  # (n, T, F) float32
    label: Tensor  # (n,) int64

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or self.label.shape != self.features.shape[:1] or not len(self.label):
            raise DataError(
                f"keyword examples need features (n, T, F) and labels (n,), got {tuple(self.features.shape)} and "
                f"{tuple(self.label.shape)}"
            )

    @property
    def dataset(self) -> TensorDataset:
        return TensorDataset(self.features, self.label)

    @property
    def fingerprint(self) -> str:
        """A hash of all of it, so that a run is never continued on other data."""
        return hashlib.sha256(self.features.numpy().tobytes() + self.label.numpy().tobytes()).hexdigest()


def train_keywords(
    model: KeywordSpotter,
    training: KeywordExamples,
    validation: KeywordExamples,
    config: KeywordTrainingConfig,
    run_folder: Path,
    *,
    progress: bool = True,
) -> KeywordSpotter:
    """Train `model` in place, or continue or read back the run in `run_folder`; return it in evaluation mode.

    Validation examples are scored after each epoch for the logs; they decide nothing.
    Raises: CheckpointError where the folder holds a run of another config, DataError where features and model disagree.
    """
    for part in (training, validation):
        if part.features.shape[2] != model.config.d_input or int(part.label.max()) >= model.config.n_keywords:
            raise DataError(
                f"the model takes {model.config.d_input} bands and tells {model.config.n_keywords} keywords; the "
                f"examples have {part.features.shape[2]} bands and labels up to {int(part.label.max())}"
            )
    data = {"train": training.fingerprint, "validation": validation.fingerprint}
    open_run(run_folder, {"model": asdict(model.config), "training": asdict(config), "data": data})
    if not is_complete(run_folder):
        batches = shuffled_batches(training.dataset, batch_size=config.batch_size, seed=config.seed)
        module = KeywordTraining(model, config, n_steps=config.epochs * len(batches))
        fit(module, batches, ordered_batches(validation.dataset), run_folder, progress=progress)
    load_weights(model, run_folder)
    return model


class KeywordTraining(ClassifierTraining):
    """Trains a spotter on batches of features (b, T, F) and label (b,)."""

    config: KeywordTrainingConfig

    def __init__(self, model: KeywordSpotter, config: KeywordTrainingConfig, *, n_steps: int) -> None:
        super().__init__(model, config, n_steps=n_steps)
        self.validation_accuracy = MulticlassAccuracy(model.config.n_keywords, average="micro")

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        features, label = batch
        draw = generator(seed=self.config.seed, stream=Stream.AUGMENTATION, index=self.global_step)
        logits = self.model(augment_sound(features, self.config, generator=draw))
        loss = F.cross_entropy(logits, label, label_smoothing=self.config.label_smoothing)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_index: int) -> None:
        features, label = batch
        self.validation_accuracy.update(self.model(features), label)
        self.log("validation_accuracy", self.validation_accuracy, prog_bar=True)


def augment_sound(features: Tensor, config: KeywordTrainingConfig, *, generator: torch.Generator) -> Tensor:
    """Return disturbed copies of features (b, T, F); the generator decides everything, silence stays 0."""
    batch, frames, bands = features.shape
    delay = _whole(batch, config.longest_delay, generator)
    source = torch.arange(frames) - delay[:, None]  # (b, T)
    delayed = features.gather(1, source.clamp(min=0)[:, :, None].expand(-1, -1, bands))
    louder = delayed + config.loudness * (2.0 * torch.rand(batch, 1, 1, generator=generator) - 1.0)
    width, start = _whole(batch, config.masked_bands, generator), _whole(batch, bands - 1, generator)
    band = torch.arange(bands)
    masked = (band >= start[:, None]) & (band < (start + width)[:, None])  # (b, F)
    silent = (source < 0)[:, :, None] | masked[:, None, :] | (delayed == 0.0)
    return torch.where(silent, 0.0, louder.clamp(min=0.0))


def _whole(count: int, most: int, generator: torch.Generator) -> Tensor:
    """Whole numbers (count,) of 0 to `most`."""
    return torch.randint(most + 1, (count,), generator=generator)
