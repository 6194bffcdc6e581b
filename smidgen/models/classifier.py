"""Room classifiers: a radio front end, an encoder and a linear head, built by name.

Shapes: b batch, t time steps, A access points, M motion channels, R rooms.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self, TypeAlias

from torch import Tensor, nn

from smidgen.errors import ConfigError, nearest
from smidgen.models.gru import BidirectionalGRUEncoder, GRUEncoder
from smidgen.models.mamba import MambaEncoder
from smidgen.models.mdcsa import MDCSAEncoder
from smidgen.models.mlp import MLPEncoder
from smidgen.models.pretrained import PretrainedModel
from smidgen.models.radio import RadioFrontEnd
from smidgen.models.ssd import SSDEncoder
from smidgen.models.tcn import TCNEncoder
from smidgen.models.transformer import TransformerEncoder

Encoder: TypeAlias = (
    MambaEncoder
    | TransformerEncoder
    | GRUEncoder
    | SSDEncoder
    | TCNEncoder
    | MLPEncoder
    | MDCSAEncoder
    | BidirectionalGRUEncoder
)

_ENCODERS: dict[str, type[Encoder]] = {
    "mamba": MambaEncoder,
    "transformer": TransformerEncoder,
    "gru": GRUEncoder,
    "mamba2": SSDEncoder,
    "tcn": TCNEncoder,
    "mlp": MLPEncoder,
    "mdcsa": MDCSAEncoder,
    "bidirectional-gru": BidirectionalGRUEncoder,
}
MODEL_NAMES = tuple(_ENCODERS)
_GIVEN = ("d_input", "d_motion")
"""Sizes of an encoder that follow from the home's, and are not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierConfig:
    """All that is needed to build a room classifier again: its sizes and the shape of its encoder."""

    name: str  # one of MODEL_NAMES
    n_access_points: int  # A
    n_motion: int  # M
    n_rooms: int  # R
    shape: Mapping[str, int] = field(default_factory=dict)  # fields of the encoder's config, but for its inputs

    def __post_init__(self) -> None:
        if self.name not in MODEL_NAMES:
            raise ConfigError(f"there is no model {self.name!r}; {nearest(self.name, MODEL_NAMES)}")
        for name, least in (("n_access_points", 1), ("n_motion", 0), ("n_rooms", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{self.name}: {name} must be at least {least}, got {getattr(self, name)}")
        sizes = [f for f in fields(_ENCODERS[self.name].config_class) if f.name not in _GIVEN]
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

    @property
    def causal(self) -> bool:
        """Whether row t of the logits depends on rows up to t only: such a model can stream, another reads windows."""
        return _ENCODERS[self.name].causal

    def encoder(self) -> Any:
        """Return the config of the encoder. Raises: ConfigError for a size out of range."""
        kind: Any = _ENCODERS[self.name].config_class
        inputs = {"d_input": self.n_features, "d_motion": self.n_motion}
        given = {f.name: inputs[f.name] for f in fields(kind) if f.name in _GIVEN}
        return kind(**given, **self.shape)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class RoomClassifier(PretrainedModel):
    """rssi (b, t, A) in dBm, 127 = not heard, and motion (b, t, M) in g, to room logits (b, t, R), one row a step.

    A model of radio alone (M = 0) takes no motion, and neither does the program compiled from it.
    """

    config_class = ClassifierConfig

    def __init__(self, config: ClassifierConfig) -> None:
        super().__init__()
        self.config = config
        self.front_end = RadioFrontEnd()
        self.encoder = _ENCODERS[config.name](config.encoder())
        self.head = nn.Linear(self.encoder.d_model, config.n_rooms)

    def forward(self, rssi: Tensor, motion: Tensor | None = None) -> Tensor:
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

    def forward(self, rssi: Tensor, motion: Tensor | None = None) -> Tensor:
        last: Tensor = self.classifier(rssi, motion).select(1, -1)
        return last


def build_model(name: str, *, n_access_points: int, n_motion: int, n_rooms: int, **shape: int) -> RoomClassifier:
    """Return an untrained room classifier, drawn from torch's global generator.

    Args: name, one of MODEL_NAMES; shape, fields of the encoder's config (MambaConfig, TCNConfig, ..) but its inputs.
    Raises: ConfigError for an unknown name or size, or one out of range.
    """
    return RoomClassifier(
        ClassifierConfig(name=name, n_access_points=n_access_points, n_motion=n_motion, n_rooms=n_rooms, shape=shape)
    )
