"""Temporal convolutional network: causal convolutions whose taps stand ever further apart (Bai et al. 2018).

Shapes: b batch, t time steps, D = d_model. Block i has dilation 2^i, so the history grows as 2^n_layers while a step
costs as much in every block.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.causal_convolution import CausalConv1d
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class TCNConfig:
    """Shape of a temporal convolutional network."""

    d_input: int  # features per step
    d_model: int = 16  # D
    kernel_size: int = 3  # taps
    n_layers: int = 2  # blocks of two convolutions

    def __post_init__(self) -> None:
        for name in ("d_input", "d_model", "kernel_size", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"TCNConfig: {name} must be at least 1, got {getattr(self, name)}")

    @property
    def receptive_field(self) -> int:
        """Steps that row t depends on, itself included."""
        return 1 + 2 * (self.kernel_size - 1) * ((1 << self.n_layers) - 1)


class TCNEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, D): row t depends on the receptive field up to it only."""

    config_class = TCNConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: TCNConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.layers = nn.ModuleList(
            TCNBlock(config.d_model, config.kernel_size, dilation=2**i) for i in range(config.n_layers)
        )
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)

    def forward(self, features: Tensor) -> Tensor:
        x = self.in_proj(features)
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class TCNBlock(nn.Module):
    """x + Conv(ReLU(Conv(RMSNorm(x)))), (b, t, D) to (b, t, D).

    Pre-norm and residual as our other encoders; the paper normalises weights and has a ReLU on the sum instead.
    """

    def __init__(self, d_model: int, kernel_size: int, *, dilation: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(d_model, eps=1e-5)
        self.first = CausalConv1d(d_model, d_model, kernel_size, dilation=dilation)
        self.second = CausalConv1d(d_model, d_model, kernel_size, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        convolved: Tensor = x + self.second(F.relu(self.first(self.norm(x))))
        return convolved
