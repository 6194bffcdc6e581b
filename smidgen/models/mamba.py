"""Mamba: a stack of selective state-space blocks (Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling").

Shapes: b batch, t time steps, D = d_model, E = expand, N = d_state; d_inner = E * D.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.pretrained import PretrainedModel
from smidgen.models.selective_scan import selective_scan


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaBlockConfig:
    """Shape of one selective-SSM block (Gu & Dao 2023, Section 3.4, Figure 3), with the options of published ones."""

    d_model: int = 16  # D
    d_state: int = 8  # N
    d_conv: int = 4  # taps of the causal depthwise convolution
    expand: float = 2.0  # E; d_inner is E * D, rounded
    dt_rank: int | None = None  # rank of the projection that makes delta; None: ceil(D / 16), as the authors choose
    conv_bias: bool = True
    proj_bias: bool = False  # of in_proj and out_proj
    layer_norm: bool = False  # LayerNorm in front of the block instead of RMSNorm
    norm_eps: float = 1e-5
    shortest_memory: float = 10.0  # steps, 1 / delta at the start of training, log-uniform up to
    longest_memory: float = 1000.0  # these: delta in [1e-3, 1e-1] (Gu & Dao 2023, Section 3.6)

    def __post_init__(self) -> None:
        kind = type(self).__name__
        for name in ("d_model", "d_state", "d_conv", "expand", "delta_rank"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{kind}: {name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.norm_eps < 1.0:
            raise ConfigError(f"{kind}: norm_eps must lie between 0 and 1, got {self.norm_eps}")
        if not 0.0 < self.shortest_memory <= self.longest_memory < math.inf:
            raise ConfigError(
                f"{kind}: memories must be positive steps, the shortest first, got shortest_memory "
                f"{self.shortest_memory} and longest_memory {self.longest_memory}"
            )

    @property
    def d_inner(self) -> int:
        return round(self.expand * self.d_model)

    @property
    def delta_rank(self) -> int:
        return math.ceil(self.d_model / 16) if self.dt_rank is None else self.dt_rank

    def norm(self) -> nn.RMSNorm | nn.LayerNorm:
        """Return a norm over D, as it stands in front of every block and behind the last."""
        kind = nn.LayerNorm if self.layer_norm else nn.RMSNorm
        return kind(self.d_model, eps=self.norm_eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class MambaConfig(MambaBlockConfig):
    """Shape of a selective-SSM encoder: a projection of the features, a stack of blocks, a norm."""

    d_input: int  # features per step
    n_layers: int = 1

    def __post_init__(self) -> None:
        MambaBlockConfig.__post_init__(self)
        for name in ("d_input", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"MambaConfig: {name} must be at least 1, got {getattr(self, name)}")


class MambaEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, D), causal: row t depends on rows up to t only."""

    config_class = MambaConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: MambaConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.in_proj = nn.Linear(config.d_input, config.d_model)
        self.layers = nn.ModuleList(MambaBlock(config) for _ in range(config.n_layers))
        self.norm = config.norm()

    def forward(self, features: Tensor) -> Tensor:
        x = self.in_proj(features)
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm(x)
        return normed


class MambaMixer(PretrainedModel):
    """The gated selective SSM of Figure 3 without norm and residual, (b, t, D) to (b, t, D)."""

    config_class = MambaBlockConfig

    def __init__(self, config: MambaBlockConfig) -> None:
        super().__init__()
        self._add_layers(config)

    def _add_layers(self, config: MambaBlockConfig) -> None:
        self.config = config
        d_inner, d_state, dt_rank = config.d_inner, config.d_state, config.delta_rank
        self.split_sizes = (dt_rank, d_state, d_state)
        self.in_proj = nn.Linear(config.d_model, 2 * d_inner, bias=config.proj_bias)
        self.conv1d = nn.Conv1d(
            d_inner, d_inner, config.d_conv, groups=d_inner, padding=config.d_conv - 1, bias=config.conv_bias
        )
        self.x_proj = nn.Linear(d_inner, dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(dt_rank, d_inner)
        self.A_log = nn.Parameter(_s4d_real_log_decay(d_inner, d_state))
        self.D = nn.Parameter(torch.ones(d_inner))
        self.out_proj = nn.Linear(d_inner, config.d_model, bias=config.proj_bias)
        _initialise_step(self.dt_proj, config)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[1]
        u, z = self.in_proj(x).chunk(2, dim=-1)  # (b, t, d_inner) each
        u = self.conv1d(u.transpose(1, 2))[..., :steps].transpose(1, 2)  # the d_conv - 1 rows cut off look ahead
        u = F.silu(u)
        dt, B, C = self.x_proj(u).split(self.split_sizes, dim=-1)
        delta = F.softplus(self.dt_proj(dt))
        y = selective_scan(u, delta, -torch.exp(self.A_log), B, C, self.D)
        mixed: Tensor = self.out_proj(y * F.silu(z))
        return mixed


class MambaBlock(MambaMixer):
    """x + S6(norm(x)): the mixer, pre-norm and residual, (b, t, D) to (b, t, D)."""

    def __init__(self, config: MambaBlockConfig) -> None:
        nn.Module.__init__(self)
        self.norm = config.norm()  # first: sums over parameters, such as the norm of a gradient, keep their order
        self._add_layers(config)

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(self.norm(x))


def _s4d_real_log_decay(d_inner: int, d_state: int) -> Tensor:
    """Return log(-A) with A = -(1, 2, ..., N) for every channel: the S4D-real initialisation of Section 3.6."""
    return torch.arange(1.0, d_state + 1.0).log().repeat(d_inner, 1)


def _initialise_step(dt_proj: nn.Linear, config: MambaBlockConfig) -> None:
    """Make softplus(bias) 1 / memory, log-uniform, and the weight uniform in +-rank^-0.5, as the authors do."""
    scale = dt_proj.in_features**-0.5
    nn.init.uniform_(dt_proj.weight, -scale, scale)
    low, high = math.log(1.0 / config.longest_memory), math.log(1.0 / config.shortest_memory)
    step = torch.exp(torch.rand(dt_proj.out_features) * (high - low) + low)
    with torch.no_grad():
        dt_proj.bias.copy_(step + torch.log(-torch.expm1(-step)))  # inverse of softplus
