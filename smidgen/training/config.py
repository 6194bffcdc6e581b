"""What a training run is asked for."""

from dataclasses import dataclass, field

from smidgen.errors import ConfigError
from smidgen.training.augmentation import AugmentationConfig
from smidgen.training.distillation import DistillationConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """What every training loop is asked for."""

    seed: int = 0
    epochs: int = 15
    batch_size: int = 64  # examples
    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training: {name} must be at least 1, got {getattr(self, name)}")
        if not self.learning_rate > 0.0:
            raise ConfigError(f"training: learning_rate must be positive, got {self.learning_rate}")
        if not self.seed >= 0:
            raise ConfigError(f"training: seed must not be negative, got {self.seed}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationConfig(LoopConfig):
    """AdamW (Loshchilov & Hutter 2019) under a one-cycle schedule (Smith 2018), for any classifier.

    The rate peaks at `learning_rate` and ends at zero, so the last weights are the ones to keep: no epoch is picked by
    its score.
    """

    weight_decay: float = 0.05  # on matrices only
    gradient_clip: float = 1.0  # L2 norm
    label_smoothing: float = 0.05

    def __post_init__(self) -> None:
        LoopConfig.__post_init__(self)
        if not self.gradient_clip > 0.0:
            raise ConfigError(f"training: gradient_clip must be positive, got {self.gradient_clip}")
        if not self.weight_decay >= 0:
            raise ConfigError(f"training: weight_decay must not be negative, got {self.weight_decay}")
        if not 0.0 <= self.label_smoothing <= 1.0:
            raise ConfigError(f"training: label_smoothing must lie in [0, 1], got {self.label_smoothing}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig(OptimizationConfig):
    """How a room classifier is trained."""

    class_weight_power: float = 0.5  # 0 weighs each window alike, 1 each room alike
    step_weight: float = 0.3  # of the loss over earlier steps, against 1 for the decision at the last
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    distillation: DistillationConfig = field(default_factory=DistillationConfig)  # used where soft targets are given

    def __post_init__(self) -> None:
        OptimizationConfig.__post_init__(self)
        if not self.step_weight >= 0:
            raise ConfigError(f"training: step_weight must not be negative, got {self.step_weight}")
        if not 0.0 <= self.class_weight_power <= 1.0:
            raise ConfigError(f"training: class_weight_power must lie in [0, 1], got {self.class_weight_power}")
