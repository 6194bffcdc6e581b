"""A keyword spotter: the block that published engines for microcontrollers measure themselves by.

One Mamba-1 mixer between two linear layers, and a mean over time: with the defaults the 35,914 parameters of
MambaLite-Micro (2025, arXiv:2509.05488). Shapes: b batch, t time steps, F features per step, K keywords.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from smidgen.errors import ConfigError
from smidgen.models.mamba import MambaBlockConfig, MambaMixer
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordConfig(MambaBlockConfig):
    """Shape of a keyword spotter."""

    d_model: int = 64
    d_state: int = 16
    d_input: int = 40  # F
    n_keywords: int = 10  # K
    learn_decay: bool = True  # False keeps A = -(1, .., d_state), whose decays are powers of one exponential

    def __post_init__(self) -> None:
        MambaBlockConfig.__post_init__(self)
        for name, least in (("d_input", 1), ("n_keywords", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"KeywordConfig: {name} must be at least {least}, got {getattr(self, name)}")


class KeywordSpotter(PretrainedModel):
    """Features (b, t, F) to logits (b, K) of the keyword that was heard so far."""

    config_class = KeywordConfig

    def __init__(self, config: KeywordConfig) -> None:
        super().__init__()
        self.config = config
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.mixer = MambaMixer(config)
        self.mixer.A_log.requires_grad_(config.learn_decay)
        self.head = nn.Linear(config.d_model, config.n_keywords)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(self.mixer(self.in_proj(features)).mean(1))
        return logits
