"""A small causal transformer encoder, pre-norm (Vaswani et al. 2017; Xiong et al. 2020 for the place of the norms).

Shapes: b batch, t time steps, D = d_model, H heads, T = n_positions.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.attention import CausalSelfAttention
from smidgen.models.causal_convolution import CausalConv1d
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerConfig:
    """Shape of a causal transformer encoder with learned positions."""

    d_input: int  # features per step
    n_positions: int  # T, the longest window it can read
    d_conv: int = 0  # taps of a causal depthwise convolution in front of the blocks; 0: none, as published
    d_model: int = 16  # D
    n_heads: int = 2  # H
    d_feedforward: int = 32
    n_layers: int = 1

    def __post_init__(self) -> None:
        for name in ("d_input", "n_positions", "d_model", "n_heads", "d_feedforward", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"TransformerConfig: {name} must be at least 1, got {getattr(self, name)}")
        if self.d_conv < 0:
            raise ConfigError(f"TransformerConfig: d_conv must be at least 0, got {self.d_conv}")
        if self.d_model % self.n_heads:
            raise ConfigError(
                f"TransformerConfig: d_model must be a multiple of n_heads, got d_model {self.d_model} "
                f"and n_heads {self.n_heads}"
            )


class TransformerEncoder(PretrainedModel):
    """Features (b, t, d_input), t <= T, to hidden states (b, t, D), causal."""

    config_class = TransformerConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.conv = _convolution(config) if config.d_conv else None
        self.positions = nn.Parameter(0.02 * torch.randn(config.n_positions, config.d_model))
        self.layers = nn.ModuleList(TransformerBlock(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, features: Tensor) -> Tensor:
        steps, n_positions = features.shape[1], self.positions.shape[0]
        if steps > n_positions:
            raise ConfigError(
                f"the transformer has learned {n_positions} positions and was given a window of {steps} steps; "
                f"shorten the window or train with n_positions={steps}"
            )
        x = self.in_proj(features)
        if self.conv is not None:
            x = F.silu(self.conv(x))
        x = x + self.positions[:steps]
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class TransformerBlock(nn.Module):
    """x + Attention(LayerNorm(x)), then x + FeedForward(LayerNorm(x)), (b, t, D) to (b, t, D)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = CausalSelfAttention(d_model=config.d_model, n_heads=config.n_heads)
        self.feedforward_norm = nn.LayerNorm(config.d_model)
        self.expand = nn.Linear(config.d_model, config.d_feedforward)
        self.contract = nn.Linear(config.d_feedforward, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x))
        fed: Tensor = x + self.contract(F.gelu(self.expand(self.feedforward_norm(x))))
        return fed


def _convolution(config: TransformerConfig) -> CausalConv1d:
    """Return what lets each step see the few before it, channel by channel, before attention looks for any."""
    return CausalConv1d(config.d_model, config.d_model, config.d_conv, groups=config.d_model)
