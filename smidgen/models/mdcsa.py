"""Multihead dual convolutional self-attention (MDCSA, Jovan et al. 2023, arXiv:2308.02419), without its CRF.

Shapes: b batch, t time steps, H = d_model, G = gate_expand * H; modalities: radio, and motion where there is any.
Three branches see the same embeddings through causal convolutions of 1, 4 and 7 taps: three time scales. Each attends
within each modality, and fuses the two by a gated residual network; their interleaved outputs attend once more.
Attention looks at the whole window, so this network reads windows; it does not stream.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.causal_convolution import CausalConv1d
from smidgen.models.pretrained import PretrainedModel

KERNEL_SIZES = (1, 4, 7)
"""Taps of the convolutions of each branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MDCSAConfig:
    """Shape of the encoder.

    The authors' code departs from what is usual in two places, and `faithful` does as it does: no gradient reaches the
    embeddings, which stay random projections, and positions turn with 10000^(-2i/H), i = 0, 2, .., twice the usual
    exponent. Without it embeddings are trained and the exponent is -i/H (Vaswani et al. 2017, Section 3.5).
    """

    d_input: int  # features per step
    d_motion: int = 0  # of these, how many are motion: the last ones, a modality of their own
    d_model: int = 16  # H
    n_positions: int = 25  # the longest window it can read
    gate_expand: int = 4  # G / H
    dropout: float = 0.0  # of attention weights and in the fusion; twice of it on what comes out
    faithful: bool = False

    def __post_init__(self) -> None:
        for name in ("d_input", "d_model", "n_positions", "gate_expand"):
            if getattr(self, name) < 1:
                raise ConfigError(f"MDCSAConfig: {name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.d_motion < self.d_input:
            raise ConfigError(
                f"MDCSAConfig: d_motion must leave features for the radio, got {self.d_motion} of {self.d_input}"
            )
        if self.d_model % 2:
            raise ConfigError(f"MDCSAConfig: d_model must be even, half sines half cosines, got {self.d_model}")
        if not 0.0 <= self.dropout < 0.5:
            raise ConfigError(f"MDCSAConfig: dropout must lie in [0, 0.5), got {self.dropout}")


class MDCSAEncoder(PretrainedModel):
    """Features (b, t, d_input), t <= n_positions, to hidden states (b, t, H), each of which sees the whole window."""

    config_class = MDCSAConfig
    causal: ClassVar[bool] = False
    positions: Tensor  # (n_positions, H)

    def __init__(self, config: MDCSAConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.modalities = [config.d_input - config.d_motion, config.d_motion] if config.d_motion else [config.d_input]
        self.embeddings = nn.ModuleList(nn.Linear(width, config.d_model) for width in self.modalities)
        self.branches = nn.ModuleList(MDCSABranch(config, kernel_size) for kernel_size in KERNEL_SIZES)
        self.merge = nn.Conv1d(config.d_model, config.d_model, len(KERNEL_SIZES), stride=len(KERNEL_SIZES))
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(2 * config.dropout)
        self.register_buffer("positions", sinusoids(config), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        steps = features.shape[1]
        if steps > self.config.n_positions:
            raise ConfigError(
                f"the MDCSA has {self.config.n_positions} positions and was given a window of {steps} steps; "
                f"shorten the window or build it with n_positions={steps}"
            )
        parts = torch.split(features, self.modalities, dim=-1) if len(self.modalities) > 1 else [features]
        embedded = [self._embed(layer, part) for layer, part in zip(self.embeddings, parts, strict=True)]
        scales = interleave([branch(*embedded) for branch in self.branches])  # (b, 3t, H)
        attended = F.scaled_dot_product_attention(scales, scales, scales)
        merged: Tensor = self.dropout(self.norm(self.merge(attended.transpose(1, 2)).transpose(1, 2)))
        return merged

    def _embed(self, layer: nn.Module, features: Tensor) -> Tensor:
        """(b, t, width) to (b, t, H)."""
        projected = layer(features) * math.sqrt(self.config.d_model)
        if self.config.faithful:
            projected = projected.detach()
        placed: Tensor = projected + self.positions[: features.shape[1]]
        return placed


class MDCSABranch(nn.Module):
    """One time scale: attention within each modality behind causal convolutions, then fusion; (b, t, H) all."""

    def __init__(self, config: MDCSAConfig, kernel_size: int) -> None:
        super().__init__()
        count = 2 if config.d_motion else 1
        self.attentions = nn.ModuleList(ConvolutionalAttention(config, kernel_size) for _ in range(count))
        self.fusion = GatedResidual(config)

    def forward(self, radio: Tensor, motion: Tensor | None = None) -> Tensor:
        embedded = [radio] if motion is None else [radio, motion]
        attended = [attend(x) for attend, x in zip(self.attentions, embedded, strict=True)]
        fused: Tensor = self.fusion(*attended)
        return fused


class ConvolutionalAttention(nn.Module):
    """LayerNorm(x + softmax(Q K^T / sqrt(H)) x) with Q and K behind causal convolutions and a tanh, (b, t, H) each."""

    def __init__(self, config: MDCSAConfig, kernel_size: int) -> None:
        super().__init__()
        self.query = CausalConv1d(config.d_model, config.d_model, kernel_size)
        self.key = CausalConv1d(config.d_model, config.d_model, kernel_size)
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = config.dropout

    def forward(self, x: Tensor) -> Tensor:
        query, key = torch.tanh(self.query(x)), torch.tanh(self.key(x))
        attended = F.scaled_dot_product_attention(query, key, x, dropout_p=self.dropout if self.training else 0.0)
        normed: Tensor = self.norm(attended + x)
        return normed


class GatedResidual(nn.Module):
    """Gated residual network (Lim et al. 2021, Section 4.1): radio (b, t, H), with motion as its context.

    h = W2 ELU(W1 radio + b1 + Wc motion) + b2;  [a; b] = W3 h + b3;  LayerNorm(radio + a * sigmoid(b)).
    """

    def __init__(self, config: MDCSAConfig) -> None:
        super().__init__()
        d_gate = config.gate_expand * config.d_model  # G
        self.first = nn.Linear(config.d_model, d_gate)
        self.context = nn.Linear(config.d_model, d_gate, bias=False) if config.d_motion else None
        self.second = nn.Linear(d_gate, d_gate)
        self.gate = nn.Linear(d_gate, 2 * config.d_model)
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, radio: Tensor, motion: Tensor | None = None) -> Tensor:
        hidden = self.first(radio)
        if self.context is not None:
            hidden = hidden + self.context(motion)
        value, gate = self.gate(self.dropout(self.second(F.elu(hidden)))).chunk(2, dim=-1)
        normed: Tensor = self.norm(radio + value * torch.sigmoid(gate))
        return normed


def interleave(sequences: list[Tensor]) -> Tensor:
    """Return sequences (b, t, H) as one (b, n * t, H): all of them at the first step, all at the second, and so on."""
    return torch.stack(sequences, dim=2).flatten(1, 2)


def sinusoids(config: MDCSAConfig) -> Tensor:
    """Return the positions (n_positions, H): sines at even, cosines at odd places."""
    exponent = torch.arange(0, config.d_model, 2) * ((2.0 if config.faithful else 1.0) / config.d_model)
    angle = torch.arange(config.n_positions)[:, None] * 10_000.0**-exponent
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
