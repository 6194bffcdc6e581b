"""Networks that mix along time by linear layers, and forecasting models."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MlpMixer(nn.Module):
    """Token mixing and channel mixing by linear layers (Tolstikhin et al. 2021)."""

    def __init__(self, steps: int = 10, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.tokens = nn.Sequential(nn.Linear(steps, 16), nn.GELU(), nn.Linear(16, steps))
        self.channels = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(x.mean(1))


class GatedMlp(nn.Module):
    """Spatial gating unit of gMLP (Liu et al. 2021): a convolution over the time axis as channels."""

    def __init__(self, steps: int = 9, width: int = 8) -> None:
        super().__init__()
        self.inp = nn.Linear(4, width)
        self.norm = nn.LayerNorm(width)
        self.proj_in, self.proj_out = nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.gate_norm = nn.LayerNorm(width)
        self.spatial = nn.Conv1d(steps, steps, 1)
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        u, v = F.gelu(self.proj_in(self.norm(x))).chunk(2, dim=-1)
        x = x + self.proj_out(u * self.spatial(self.gate_norm(v)))
        return self.head(x).mean(dim=-2)


class DLinear(nn.Module):
    """Trend by a moving average with repeated ends, remainder, one linear map each (Zeng et al. 2023)."""

    def __init__(self, steps: int = 16, horizon: int = 6, kernel: int = 5) -> None:
        super().__init__()
        self.kernel = kernel
        self.avg = nn.AvgPool1d(kernel_size=kernel, stride=1, padding=0)
        self.seasonal, self.trend = nn.Linear(steps, horizon), nn.Linear(steps, horizon)

    def forward(self, x: Tensor) -> Tensor:
        front = x[:, 0:1, :].repeat(1, (self.kernel - 1) // 2, 1)
        end = x[:, -1:, :].repeat(1, (self.kernel - 1) // 2, 1)
        trend = self.avg(torch.cat([front, x, end], dim=1).permute(0, 2, 1))
        seasonal = x.permute(0, 2, 1) - trend
        return (self.seasonal(seasonal) + self.trend(trend)).permute(0, 2, 1)


class PatchTST(nn.Module):
    """Overlapping patches by unfold, instance norm, a transformer encoder a channel (Nie et al. 2023)."""

    def __init__(self, patch: int = 8, stride: int = 4, width: int = 12) -> None:
        super().__init__()
        self.patch, self.stride = patch, stride
        self.embed = nn.Linear(patch, width)
        self.position = nn.Parameter(torch.randn(5, width) * 0.1)
        self.encoder = nn.TransformerEncoderLayer(width, 2, 24, batch_first=True, activation="gelu")
        self.head = nn.Linear(5 * width, 4)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(1, keepdim=True)
        std = torch.sqrt(x.var(dim=1, keepdim=True, unbiased=False) + 1e-2)
        x = (x - mean) / std
        b, _, c = x.shape
        patches = x.permute(0, 2, 1).unfold(dimension=-1, size=self.patch, step=self.stride)
        h = self.embed(patches) + self.position
        h = self.encoder(h.reshape(b * c, 5, -1))
        y = self.head(h.reshape(b, c, -1)).permute(0, 2, 1)
        return y * std + mean


class NBeats(nn.Module):
    """Fully connected blocks that subtract what they explain (Oreshkin et al. 2020)."""

    def __init__(self, steps: int = 16, horizon: int = 4) -> None:
        super().__init__()
        self.steps = steps
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(steps, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, steps + horizon))
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.squeeze(-1)
        forecast = 0
        for block in self.blocks:
            theta = block(x)
            x = x - theta[:, : self.steps]
            forecast = forecast + theta[:, self.steps :]
        return forecast


class TwoHeads(nn.Module):
    """Shared trunk with two named outputs: class and position."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(24, 16), nn.ELU(), nn.BatchNorm1d(16))
        self.room, self.position = nn.Linear(16, 4), nn.Linear(16, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        h = self.trunk(x)
        return {"room": F.softmax(self.room(h), -1), "position": F.softplus(self.position(h))}


class SplineLinear(nn.Module):
    """Learned splines on every edge (Liu et al. 2024), by the recursion of de Boor over comparisons with a grid."""

    def __init__(self, n_inputs: int, n_outputs: int, cells: int = 4, order: int = 3) -> None:
        super().__init__()
        self.order, self.n_inputs = order, n_inputs
        knots = torch.arange(-order, cells + order + 1) * (2.0 / cells) - 1.0
        self.register_buffer("grid", knots.expand(n_inputs, -1).contiguous())
        self.base_weight = nn.Parameter(torch.randn(n_outputs, n_inputs) * 0.4)
        self.spline_weight = nn.Parameter(torch.randn(n_outputs, n_inputs, cells + order) * 0.3)

    def splines(self, x: Tensor) -> Tensor:
        grid, x = self.grid, x.unsqueeze(-1)
        bases = ((x >= grid[:, :-1]) & (x < grid[:, 1:])).to(x.dtype)
        for k in range(1, self.order + 1):
            rising = (x - grid[:, : -(k + 1)]) / (grid[:, k:-1] - grid[:, : -(k + 1)])
            falling = (grid[:, k + 1 :] - x) / (grid[:, k + 1 :] - grid[:, 1:(-k)])
            bases = rising * bases[:, :, :-1] + falling * bases[:, :, 1:]
        return bases

    def forward(self, x: Tensor) -> Tensor:
        shape, x = x.shape, x.reshape(-1, self.n_inputs)
        y = F.linear(F.silu(x), self.base_weight)
        y = y + F.linear(self.splines(x).flatten(1), self.spline_weight.flatten(1))
        return y.view(*shape[:-1], -1)


class Kan(nn.Module):
    """A layer of splines at every step, then a mean."""

    def __init__(self) -> None:
        super().__init__()
        self.splines, self.head = SplineLinear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.splines(torch.tanh(x))).mean(1))


SPECIMENS: dict[str, dict[str, Any]] = {
    "mlp-mixer": {"build": MlpMixer, "shape": (10, 4), "causal": False},
    "gated-mlp": {"build": GatedMlp, "shape": (9, 4), "causal": False},
    "d-linear": {"build": DLinear, "shape": (16, 3), "causal": False},
    "patch-tst": {"build": PatchTST, "shape": (24, 2), "causal": False},
    "n-beats": {"build": NBeats, "shape": (16, 1), "causal": False},
    "kan": {"build": Kan, "shape": (6, 3), "causal": True},
    "two-heads": {"build": TwoHeads, "shape": (8, 3), "causal": False},
}
