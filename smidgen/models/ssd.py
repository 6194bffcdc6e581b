"""Mamba-2: a stack of blocks around the scan with scalar decays (Dao & Gu 2024, "Transformers are SSMs").

Shapes: b batch, t time steps, D = d_model, E = expand, N = d_state, P = d_head; d_inner = E * D, heads = d_inner / P.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.pretrained import PretrainedModel
from smidgen.models.ssd_scan import ssd_scan

SMALLEST_STEP = 1e-3
LARGEST_STEP = 1e-1
"""Range of dt at the start of training, log-uniform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SSDConfig:
    """Shape of a Mamba-2 encoder (Dao & Gu 2024, Section 7)."""

    d_input: int  # features per step
    d_model: int = 16  # D
    d_state: int = 8  # N
    d_head: int = 8  # P, channels that share a decay
    n_groups: int = 1  # of heads that share B and C
    d_conv: int = 4  # taps of the causal depthwise convolution
    expand: int = 2  # E
    n_layers: int = 1

    def __post_init__(self) -> None:
        for name in ("d_input", "d_model", "d_state", "d_head", "n_groups", "d_conv", "expand", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"SSDConfig: {name} must be at least 1, got {getattr(self, name)}")
        if self.d_inner % self.d_head or self.n_heads % self.n_groups:
            raise ConfigError(
                f"SSDConfig: d_inner {self.d_inner} must be a multiple of d_head {self.d_head}, and the "
                f"{self.d_inner / self.d_head:g} heads of n_groups {self.n_groups}"
            )

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def n_heads(self) -> int:
        return self.d_inner // self.d_head


class SSDEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, D), causal: row t depends on rows up to t only."""

    config_class = SSDConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: SSDConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.layers = nn.ModuleList(SSDBlock(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)

    def forward(self, features: Tensor) -> Tensor:
        x = self.in_proj(features)
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class SSDBlock(nn.Module):
    """x + SSD(RMSNorm(x)), pre-norm and residual, (b, t, D) to (b, t, D).

    One projection makes gate, values, B, C and dt; values, B and C pass the convolution; a gated RMSNorm stands behind
    the scan (Figure 6 of the paper, the sequential block).
    """

    def __init__(self, config: SSDConfig) -> None:
        super().__init__()
        shared = config.n_groups * config.d_state
        self.parts = [config.d_inner, config.d_inner + 2 * shared, config.n_heads]
        self.conv_parts = [config.d_inner, shared, shared]
        self.heads, self.groups = (config.n_heads, config.d_head), (config.n_groups, config.d_state)
        width = config.d_inner + 2 * shared
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)
        self.in_proj = nn.Linear(config.d_model, sum(self.parts), bias=False)
        self.conv1d = nn.Conv1d(width, width, config.d_conv, groups=width, padding=config.d_conv - 1)
        self.dt_bias = nn.Parameter(_first_steps(config.n_heads))
        self.A_log = nn.Parameter(torch.empty(config.n_heads).uniform_(1.0, 16.0).log())
        self.D = nn.Parameter(torch.ones(config.n_heads))
        self.gated_norm = nn.RMSNorm(config.d_inner, eps=1e-5)
        self.out_proj = nn.Linear(config.d_inner, config.d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[1]
        z, xBC, dt = torch.split(self.in_proj(self.norm(x)), self.parts, dim=-1)
        xBC = self.conv1d(xBC.transpose(1, 2))[..., :steps].transpose(1, 2)  # the d_conv - 1 rows cut off look ahead
        values, B, C = torch.split(F.silu(xBC), self.conv_parts, dim=-1)
        y = ssd_scan(
            values.reshape(-1, steps, *self.heads), F.softplus(dt + self.dt_bias), -torch.exp(self.A_log),
            B.reshape(-1, steps, *self.groups), C.reshape(-1, steps, *self.groups), self.D,
        )  # fmt: skip
        gated: Tensor = x + self.out_proj(self.gated_norm(y.flatten(2) * F.silu(z)))
        return gated


def _first_steps(count: int) -> Tensor:
    """Return biases with softplus(bias) log-uniform in [1e-3, 1e-1]."""
    low, high = math.log(SMALLEST_STEP), math.log(LARGEST_STEP)
    step = torch.exp(torch.rand(count) * (high - low) + low)
    return step + torch.log(-torch.expm1(-step))  # inverse of softplus
