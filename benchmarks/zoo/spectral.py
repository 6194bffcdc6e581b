"""Networks that compute with spectra, by torch.fft as their authors do. b batch, t time, d channels, k frequencies."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FNet(nn.Module):
    """A Fourier transform over channels and time in the place of attention (Lee-Thorp et al. 2021)."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Linear(4, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ff = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = self.norm1(x + torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real)
        return self.head(self.norm2(x + self.ff(x)).mean(1))


class FourierOperator(nn.Module):
    """Weights on the lowest frequencies beside a pointwise convolution (Li et al. 2020)."""

    def __init__(self, width: int = 6, modes: int = 4) -> None:
        super().__init__()
        self.modes = modes
        self.lift = nn.Conv1d(3, width, 1)
        self.weights = nn.Parameter(torch.randn(width, width, modes, dtype=torch.cfloat) / width)
        self.pointwise = nn.Conv1d(width, width, 1)
        self.project = nn.Conv1d(width, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.lift(x.permute(0, 2, 1))
        b, d, t = x.shape
        spectrum = torch.fft.rfft(x)
        mixed = torch.zeros(b, d, t // 2 + 1, dtype=torch.cfloat, device=x.device)
        mixed[:, :, : self.modes] = torch.einsum("bik,iok->bok", spectrum[:, :, : self.modes], self.weights)
        x = F.gelu(torch.fft.irfft(mixed, n=t) + self.pointwise(x))
        return self.project(x).permute(0, 2, 1)


class S4D(nn.Module):
    """A diagonal state space as a convolution by way of spectra, its kernel made in forward (Gu et al. 2022)."""

    def __init__(self, width: int = 6, d_state: int = 8) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(3, width), nn.Linear(width, 2)
        self.log_dt = nn.Parameter(torch.rand(width) * 2.0 - 3.0)
        self.C = nn.Parameter(torch.randn(width, d_state // 2, 2))
        self.log_A_real = nn.Parameter(torch.log(0.5 * torch.ones(width, d_state // 2)))
        self.A_imag = nn.Parameter(math.pi * torch.arange(d_state // 2).repeat(width, 1).float())
        self.D = nn.Parameter(torch.randn(width))
        self.output = nn.Sequential(nn.Conv1d(width, 2 * width, 1), nn.GLU(dim=-2))

    def kernel(self, steps: int) -> Tensor:
        dt_A = (-torch.exp(self.log_A_real) + 1j * self.A_imag) * torch.exp(self.log_dt).unsqueeze(-1)
        C = torch.view_as_complex(self.C) * (torch.exp(dt_A) - 1.0) / (-torch.exp(self.log_A_real) + 1j * self.A_imag)
        return 2 * torch.einsum("hn,hnl->hl", C, torch.exp(dt_A.unsqueeze(-1) * torch.arange(steps))).real

    def forward(self, x: Tensor) -> Tensor:
        u = self.encoder(x).transpose(-1, -2)
        steps = u.size(-1)
        k_f, u_f = torch.fft.rfft(self.kernel(steps), n=2 * steps), torch.fft.rfft(u, n=2 * steps)
        y = torch.fft.irfft(u_f * k_f, n=2 * steps)[..., :steps] + u * self.D.unsqueeze(-1)
        return self.decoder(self.output(F.gelu(y)).transpose(-1, -2))


class SpectrogramNet(nn.Module):
    """A short-time transform of a raw signal, its magnitudes compressed, a convolution over bands and frames."""

    def __init__(self, size: int = 16) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(size))
        self.conv = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)))
        self.head = nn.Linear(4 * (size // 4), 3)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, len(self.window), hop_length=8, window=self.window, return_complex=True)
        x = self.conv(spectrum.abs().clamp(min=0.1).pow(0.3).unsqueeze(1))
        return self.head(x.mean(dim=-1).flatten(1))


SPECIMENS: dict[str, dict[str, Any]] = {
    "fnet": {"build": FNet, "shape": (16, 4), "causal": False},
    "fourier-operator": {"build": FourierOperator, "shape": (16, 3), "causal": False},
    "s4d": {"build": S4D, "shape": (12, 3), "causal": True},
    "spectrogram-net": {"build": SpectrogramNet, "shape": (64,), "causal": False},
}
