"""Gated recurrent units (Cho et al. 2014, in the form of torch.nn.GRU): forward for streams, both ways for teachers."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from smidgen.errors import ConfigError
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class GRUConfig:
    """Shape of a GRU encoder. Its hidden state lies in (-1, 1) by construction, so no norm stands behind it."""

    d_input: int  # features per step
    d_model: int = 16  # width of the input projection and of the hidden state
    n_layers: int = 1

    def __post_init__(self) -> None:
        for name in ("d_input", "d_model", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"GRUConfig: {name} must be at least 1, got {getattr(self, name)}")


class GRUEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, d_model), causal."""

    config_class = GRUConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.gru = nn.GRU(config.d_model, config.d_model, num_layers=config.n_layers, batch_first=True)

    def forward(self, features: Tensor) -> Tensor:
        hidden: Tensor = self.gru(self.in_proj(features))[0]
        return hidden


class BidirectionalGRUEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, 2 d_model): one layer reads forwards, one backwards.

    It answers once the whole recording is there (Schuster & Paliwal 1997): a teacher, not a model that streams.
    """

    config_class = GRUConfig
    causal: ClassVar[bool] = False

    def __init__(self, config: GRUConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = 2 * config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.gru = nn.GRU(
            config.d_model, config.d_model, num_layers=config.n_layers, batch_first=True, bidirectional=True
        )

    def forward(self, features: Tensor) -> Tensor:
        hidden: Tensor = self.gru(self.in_proj(features))[0]
        return hidden
