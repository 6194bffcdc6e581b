"""Window, model sizes and training chosen for each data set; docs/training.md has the scores they were chosen by."""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.errors import ConfigError
from smidgen.training.augmentation import AugmentationConfig
from smidgen.training.config import TrainingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPreset:
    """Sizes of one network, as `build_model` takes them, and how it is trained."""

    shape: Mapping[str, int]
    training: TrainingConfig

    def training_for(self, seed: int) -> TrainingConfig:
        return dataclasses.replace(self.training, seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a data set is trained with."""

    step_s: float  # of a frame
    length: int  # frames in a window
    models: Mapping[str, ModelPreset]  # by name of MODEL_NAMES


def find_preset(name: str) -> Preset:
    """Return the preset of a data set. Raises: ConfigError for a name without one, with the nearest that has one."""
    if name in PRESETS:
        return PRESETS[name]
    close = difflib.get_close_matches(name, PRESETS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"choose from {', '.join(PRESETS)}"
    raise ConfigError(f"there is no preset {name!r}; {hint}")


# Weak: levels of +-6 dB and dropped access points at 15 %, the usual advice, cost 0.01 to 0.05 macro-F1 on SPHERE, whose
# recordings all come from one house; what is left guards against a day with another offset or a lost access point.
_WEAK = AugmentationConfig(offset_db=2.0, noise_db=1.0, drop_access_point=0.03, burst=0.05, longest_burst=6)
_SPHERE = TrainingConfig(epochs=15, augmentation=_WEAK)
# A simulated home has a third of SPHERE's windows and is easier: fewer epochs reach the same training loss.
_SIMULATED = TrainingConfig(epochs=12, augmentation=_WEAK)

LENGTH = 20
"""20 s: one to three rooms of a walk. 30 s and 40 s scored no better and cost in proportion."""

_SHAPES: Mapping[str, Mapping[str, int]] = {
    "mamba": {"d_model": 16, "d_state": 8},
    "transformer": {"d_model": 24, "n_heads": 2, "d_feedforward": 48, "n_positions": LENGTH},
    "gru": {"d_model": 24},
}

PRESETS: Mapping[str, Preset] = {
    name: Preset(
        step_s=1.0,
        length=LENGTH,
        models={model: ModelPreset(shape=shape, training=training) for model, shape in _SHAPES.items()},
    )
    for name, training in (("sphere", _SPHERE), ("simulated", _SIMULATED))
}
