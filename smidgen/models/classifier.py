"""Room classifiers: a radio front end, an encoder and a linear head, built by name.

Shapes: b batch, t time steps, A access points, M motion channels, R rooms.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self, TypeAlias

from torch import Tensor, nn

from smidgen.errors import ConfigError, nearest
from smidgen.models.gru import GRUConfig, GRUEncoder
from smidgen.models.mamba import MambaConfig, MambaEncoder
from smidgen.models.pretrained import PretrainedModel
from smidgen.models.radio import RadioFrontEnd
from smidgen.models.transformer import TransformerConfig, TransformerEncoder

EncoderConfig: TypeAlias = MambaConfig | TransformerConfig | GRUConfig

_ENCODER_CONFIGS: dict[str, type[EncoderConfig]] = {
    "mamba": MambaConfig,
    "transformer": TransformerConfig,
    "gru": GRUConfig,
}
MODEL_NAMES = tuple(_ENCODER_CONFIGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierConfig:
    """All that is needed to build a room classifier again: its sizes and the shape of its encoder."""

    name: str  # one of MODEL_NAMES
    n_access_points: int  # A
    n_motion: int  # M
    n_rooms: int  # R
    shape: Mapping[str, int] = field(default_factory=dict)  # fields of the encoder's config, without d_input

    def __post_init__(self) -> None:
        if self.name not in MODEL_NAMES:
            raise ConfigError(f"there is no model {self.name!r}; {nearest(self.name, MODEL_NAMES)}")
        for name, least in (("n_access_points", 1), ("n_motion", 0), ("n_rooms", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{self.name}: {name} must be at least {least}, got {getattr(self, name)}")
        sizes = [f for f in fields(_ENCODER_CONFIGS[self.name]) if f.name != "d_input"]
        for name in self.shape:
            if name not in (known := [f.name for f in sizes]):
                raise ConfigError(f"{self.name} has no size {name!r}; {nearest(name, known)}")
        for f in sizes:
            if f.default is MISSING and f.name not in self.shape:
                raise ConfigError(f"{self.name} needs {f.name}, given were {sorted(self.shape) or 'no sizes'}")
        self.encoder()

    @property
    def n_features(self) -> int:
        """Features that the radio front end makes per step: level and mask of each access point, and the motion."""
        return 2 * self.n_access_points + self.n_motion

    def encoder(self) -> EncoderConfig:
        sizes: Mapping[str, Any] = self.shape
        return _ENCODER_CONFIGS[self.name](d_input=self.n_features, **sizes)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class RoomClassifier(PretrainedModel):
    """rssi (b, t, A) in dBm, 127 = not heard, and motion (b, t, M) in g, to room logits (b, t, R), one row a step."""

    config_class = ClassifierConfig

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = RadioFrontEnd()
        self.encoder = _build_encoder(config.encoder())
        self.head = nn.Linear(self.encoder.d_model, config.n_rooms)

    def forward(self, rssi: Tensor, motion: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(self.front_end(rssi, motion)))
        return logits


class LastStep(PretrainedModel):
    """Room logits (b, R) of the last step: how a classifier is deployed where it reads one window per decision."""

    config_class = ClassifierConfig

    def __init__(self, classifier: RoomClassifier) -> None:
        super().__init__()
        self.config = classifier.config
        self.classifier = classifier

    @classmethod
    def from_config(cls, config: ClassifierConfig) -> Self:
        return cls(RoomClassifier(config))

    def forward(self, rssi: Tensor, motion: Tensor) -> Tensor:
        last: Tensor = self.classifier(rssi, motion).select(1, -1)
        return last


def build_model(name: str, *, n_access_points: int, n_motion: int, n_rooms: int, **shape: int) -> RoomClassifier:
    """Return an untrained room classifier, drawn from torch's global generator.

    Args: name, one of MODEL_NAMES; shape, fields of MambaConfig, TransformerConfig or GRUConfig other than d_input.
    Raises: ConfigError for an unknown name or size, or one out of range.
    """
    return RoomClassifier(
        ClassifierConfig(name=name, n_access_points=n_access_points, n_motion=n_motion, n_rooms=n_rooms, shape=shape)
    )


def _build_encoder(config: EncoderConfig) -> MambaEncoder | TransformerEncoder | GRUEncoder:
    match config:
        case MambaConfig():
            return MambaEncoder(config)
        case TransformerConfig():
            return TransformerEncoder(config)
        case GRUConfig():
            return GRUEncoder(config)
