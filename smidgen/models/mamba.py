"""Mamba: a stack of selective state-space blocks (Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling").

Shapes: b batch, t time steps, D = d_model, E = expand, N = d_state; d_inner = E * D.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.selective_scan import selective_scan

SMALLEST_STEP = 1e-3
LARGEST_STEP = 1e-1
"""Range of delta at the start of training, log-uniform (Gu & Dao 2023, Section 3.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaConfig:
    """Shape of a selective-SSM encoder (Gu & Dao 2023, Section 3.4, Figure 3)."""

    d_input: int  # features per step
    d_model: int = 16  # D
    d_state: int = 8  # N
    d_conv: int = 4  # taps of the causal depthwise convolution
    expand: int = 2  # E
    n_layers: int = 1

    def __post_init__(self) -> None:
        for name in ("d_input", "d_model", "d_state", "d_conv", "expand", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"MambaConfig: {name} must be at least 1, got {getattr(self, name)}")

    @property
    def d_inner(self) -> int:
        return self.expand * self.d_model

    @property
    def dt_rank(self) -> int:
        """Rank of the projection that makes delta, ceil(D / 16) as the authors choose."""
        return math.ceil(self.d_model / 16)


class MambaEncoder(nn.Module):
    """Features (b, t, d_input) to hidden states (b, t, D), causal: row t depends on rows up to t only."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.layers = nn.ModuleList(MambaBlock(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)

    def forward(self, features: Tensor) -> Tensor:
        x = self.in_proj(features)
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class MambaBlock(nn.Module):
    """x + S6(RMSNorm(x)): the gated selective SSM of Figure 3, pre-norm and residual, (b, t, D) to (b, t, D)."""

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        d_inner, d_state, dt_rank = config.d_inner, config.d_state, config.dt_rank
        self.split_sizes = (dt_rank, d_state, d_state)
        self.norm = nn.RMSNorm(config.d_model, eps=1e-5)
        self.in_proj = nn.Linear(config.d_model, 2 * d_inner, bias=False)
        self.conv1d = nn.Conv1d(d_inner, d_inner, config.d_conv, groups=d_inner, padding=config.d_conv - 1)
        self.x_proj = nn.Linear(d_inner, dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(dt_rank, d_inner)
        self.A_log = nn.Parameter(_s4d_real_log_decay(d_inner, d_state))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, config.d_model, bias=False)
        _initialise_step(self.dt_proj)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[1]
        u, z = self.in_proj(self.norm(x)).chunk(2, dim=-1)  # (b, t, d_inner) each
        u = self.conv1d(u.transpose(1, 2))[..., :steps].transpose(1, 2)  # the d_conv - 1 rows cut off look ahead
        u = F.silu(u)
        dt, B, C = self.x_proj(u).split(self.split_sizes, dim=-1)
        delta = F.softplus(self.dt_proj(dt))
        y = selective_scan(u, delta, -torch.exp(self.A_log), B, C, self.D)
        gated: Tensor = x + self.out_proj(y * F.silu(z))
        return gated


def _s4d_real_log_decay(d_inner: int, d_state: int) -> Tensor:
    """Return log(-A) with A = -(1, 2, ..., N) for every channel: the S4D-real initialisation of Section 3.6."""
    return torch.arange(1.0, d_state + 1.0).log().repeat(d_inner, 1)


def _initialise_step(dt_proj: nn.Linear) -> None:
    """Make softplus(bias) log-uniform in [1e-3, 1e-1] and the weight uniform in +-rank^-0.5, as the authors do."""
    scale = dt_proj.in_features**-0.5
    nn.init.uniform_(dt_proj.weight, -scale, scale)
    low, high = math.log(SMALLEST_STEP), math.log(LARGEST_STEP)
    step = torch.exp(torch.rand(dt_proj.out_features) * (high - low) + low)
    with torch.no_grad():
        dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # inverse of softplus
