"""A stack of Mamba blocks as the published language models have it: tokens or features in, logits or states out.

Shapes: b batch, t time steps, D = d_model, V = vocab_size.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.mamba import MambaBlock, MambaBlockConfig
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaBackboneConfig(MambaBlockConfig):
    """Shape of a stack of blocks, and what stands around it."""

    n_layers: int = 1
    vocab_size: int | None = None  # V of the embedding; None: features of width D come in
    final_norm: bool = True
    n_outputs: int | None = None  # width of the head; None: hidden states come out
    tied: bool = False  # the head's weight is the embedding's

    def __post_init__(self) -> None:
        MambaBlockConfig.__post_init__(self)
        for name in ("n_layers", "vocab_size", "n_outputs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"MambaBackboneConfig: {name} must be at least 1, got {value}")
        if self.tied and (self.vocab_size is None or self.n_outputs != self.vocab_size):
            raise ConfigError(
                f"MambaBackboneConfig: a tied head has the width of the embedding, got vocab_size {self.vocab_size} "
                f"and n_outputs {self.n_outputs}"
            )


class MambaBackbone(PretrainedModel):
    """Tokens (b, t) or features (b, t, D) to logits (b, t, n_outputs) or hidden states (b, t, D), causal."""

    config_class = MambaBackboneConfig

    def __init__(self, config: MambaBackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = None if config.vocab_size is None else nn.Embedding(config.vocab_size, config.d_model)
        self.layers = nn.ModuleList(MambaBlock(config) for _ in range(config.n_layers))
        self.norm = config.norm() if config.final_norm else None
        self.head = None
        if config.n_outputs is not None and not config.tied:
            self.head = nn.Linear(config.d_model, config.n_outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.embedding is not None:
            x = self.embedding(x)
        for layer in self.layers:
            x = layer(x)
        if self.norm is not None:
            x = self.norm(x)
        if self.config.tied and self.embedding is not None:
            return F.linear(x, self.embedding.weight)
        return x if self.head is None else self.head(x)
