"""State-space networks as their readers rewrite them. b batch, l time, d channels, n state."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class MinimalMambaBlock(nn.Module):
    """Mamba with the scan as a plain loop over precomputed decays, as short teaching versions have it."""

    def __init__(self, d_model: int = 8, d_state: int = 4, dt_rank: int = 2, d_conv: int = 4, expand: int = 2) -> None:
        super().__init__()
        self.d_inner, self.d_state, self.dt_rank = expand * d_model, d_state, dt_rank
        self.in_proj = nn.Linear(d_model, 2 * self.d_inner, bias=False)
        self.conv1d = nn.Conv1d(self.d_inner, self.d_inner, d_conv, groups=self.d_inner, padding=d_conv - 1)
        self.x_proj = nn.Linear(self.d_inner, dt_rank + 2 * d_state, bias=False)
        self.dt_proj = nn.Linear(dt_rank, self.d_inner)
        A = torch.arange(1, d_state + 1, dtype=torch.float32).repeat(self.d_inner, 1)
        self.A_log = nn.Parameter(torch.log(A))
        self.D = nn.Parameter(torch.ones(self.d_inner))
        self.out_proj = nn.Linear(self.d_inner, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        _, steps, _ = x.shape
        x, res = self.in_proj(x).split([self.d_inner, self.d_inner], dim=-1)
        x = self.conv1d(x.transpose(1, 2))[:, :, :steps].transpose(1, 2)
        x = F.silu(x)
        y = self.ssm(x)
        return self.out_proj(y * F.silu(res))

    def ssm(self, x: Tensor) -> Tensor:
        A = -torch.exp(self.A_log.float())
        delta, B, C = self.x_proj(x).split([self.dt_rank, self.d_state, self.d_state], dim=-1)
        return self.selective_scan(x, F.softplus(self.dt_proj(delta)), A, B, C, self.D.float())

    def selective_scan(self, u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
        b, steps, d_in = u.shape
        deltaA = torch.exp(torch.einsum("bld,dn->bldn", delta, A))
        deltaB_u = torch.einsum("bld,bln,bld->bldn", delta, B, u)
        x = torch.zeros((b, d_in, A.shape[1]), device=deltaA.device)
        ys = []
        for i in range(steps):
            x = deltaA[:, i] * x + deltaB_u[:, i]
            ys.append(torch.einsum("bdn,bn->bd", x, C[:, i, :]))
        return torch.stack(ys, dim=1) + u * D


class MinimalMamba(nn.Module):
    """Residual Mamba blocks with RMSNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.norms = nn.ModuleList(nn.RMSNorm(8) for _ in range(2))
        self.mixers = nn.ModuleList(MinimalMambaBlock() for _ in range(2))
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for norm, mixer in zip(self.norms, self.mixers, strict=True):
            x = x + mixer(norm(x))
        return self.head(x[:, -1])


class DiagonalSSM(nn.Module):
    """A real diagonal linear recurrence with a gated output (S4D and LRU in one line)."""

    def __init__(self, d: int = 6, n: int = 4) -> None:
        super().__init__()
        self.inp = nn.Linear(3, d)
        self.log_decay = nn.Parameter(torch.linspace(-3, 0, n).repeat(d, 1))
        self.B, self.C = nn.Parameter(torch.randn(d, n) * 0.5), nn.Parameter(torch.randn(d, n) * 0.5)
        self.D = nn.Parameter(torch.ones(d))
        self.glu = nn.Linear(d, 2 * d)
        self.out = nn.Linear(d, 2)

    def forward(self, x: Tensor) -> Tensor:
        u = self.inp(x)
        A = torch.exp(-torch.exp(self.log_decay))
        h = torch.zeros(u.shape[0], *self.B.shape)
        ys = []
        for t in range(u.shape[1]):
            h = A * h + self.B * u[:, t, :, None]
            ys.append((h * self.C).sum(-1) + self.D * u[:, t])
        y = torch.stack(ys, dim=1)
        return self.out(F.glu(self.glu(F.gelu(y)), dim=-1))


class TimeMix(nn.Module):
    """Token shift and a decayed average of keys and values (Peng et al. 2023), numerically plain."""

    def __init__(self, d: int = 8) -> None:
        super().__init__()
        self.inp = nn.Linear(4, d)
        self.shift = nn.ZeroPad2d((0, 0, 1, -1))
        self.mix_k, self.mix_v, self.mix_r = (nn.Parameter(torch.rand(1, 1, d)) for _ in range(3))
        self.key, self.value, self.receptance, self.output = (nn.Linear(d, d, bias=False) for _ in range(4))
        self.decay = nn.Parameter(torch.rand(d))
        self.head = nn.Linear(d, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        xx = self.shift(x)
        k = self.key(x * self.mix_k + xx * (1 - self.mix_k))
        v = self.value(x * self.mix_v + xx * (1 - self.mix_v))
        r = torch.sigmoid(self.receptance(x * self.mix_r + xx * (1 - self.mix_r)))
        weight, w = torch.exp(torch.clamp(k, max=4.0)), torch.exp(-torch.exp(self.decay))
        num, den = torch.zeros_like(k[:, 0]), torch.zeros_like(k[:, 0])
        ys = []
        for t in range(x.size(1)):
            num = w * num + weight[:, t] * v[:, t]
            den = w * den + weight[:, t]
            ys.append(num / den)
        return self.head(x + self.output(r * torch.stack(ys, dim=1)))


class SpikingNet(nn.Module):
    """Leaky integrate-and-fire neurons with a hard threshold and reset by subtraction, spikes counted."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(5, 12), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        current = self.fc1(x)
        membrane = torch.zeros_like(current[:, 0])
        counts = torch.zeros_like(membrane)
        for t in range(x.shape[1]):
            membrane = 0.9 * membrane + current[:, t]
            spike = (membrane > 1.0).float()
            membrane = membrane - spike
            counts = counts + spike
        return self.fc2(counts / x.shape[1])


SPECIMENS: dict[str, dict[str, Any]] = {
    "minimal-mamba": {"build": MinimalMamba, "shape": (12, 4), "causal": True},
    "diagonal-ssm": {"build": DiagonalSSM, "shape": (14, 3), "causal": True},
    "time-mix": {"build": TimeMix, "shape": (10, 4), "causal": True},
    "spiking": {"build": SpikingNet, "shape": (10, 5), "causal": True},
}
