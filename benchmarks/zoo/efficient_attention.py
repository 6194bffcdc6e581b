"""Attention that does not compare every step with every other. b batch, t time, h heads, w width of a head."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Performer(nn.Module):
    """Softmax by positive random features (Choromanski et al. 2021)."""

    def __init__(self, width: int = 16, heads: int = 2, features: int = 8) -> None:
        super().__init__()
        self.heads, w = heads, width // heads
        self.embed, self.to_qkv = nn.Linear(4, width), nn.Linear(width, 3 * width, bias=False)
        self.register_buffer("projection", torch.linalg.qr(torch.randn(max(w, features), w))[0][:features])
        self.norm, self.out, self.head = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, 3)

    def features(self, x: Tensor, axes: tuple[int, ...]) -> Tensor:
        scale = x.shape[-1] ** -0.25
        projected = torch.einsum("...id,jd->...ij", scale * x, self.projection)
        half_square = (x**2).sum(dim=-1, keepdim=True) / 2.0 * scale**2
        return torch.exp(projected - half_square - torch.amax(projected, dim=axes, keepdim=True).detach()) + 1e-4

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        b, t, d = x.shape
        q, k, v = (z.reshape(b, t, self.heads, -1).transpose(1, 2) for z in self.to_qkv(self.norm(x)).chunk(3, dim=-1))
        q, k = self.features(q, (-1,)), self.features(k, (-1, -2))
        d_inv = 1.0 / torch.einsum("...nd,...d->...n", q, k.sum(dim=-2))
        y = torch.einsum("...de,...nd,...n->...ne", torch.einsum("...nd,...ne->...de", k, v), q, d_inv)
        return self.head((x + self.out(y.transpose(1, 2).reshape(b, t, d))).mean(1))


class DistillingLayer(nn.Module):
    """Circular convolution and pooling between attention layers: half as many steps (Zhou et al. 2021)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1, padding_mode="circular")
        self.norm, self.activation = nn.BatchNorm1d(width), nn.ELU()
        self.pool = nn.MaxPool1d(kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.activation(self.norm(self.conv(x.permute(0, 2, 1))))).transpose(1, 2)


class Informer(nn.Module):
    """An encoder that distils (Zhou et al. 2021), with sinusoids for positions, over a circular embedding."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.value = nn.Conv1d(5, width, kernel_size=3, padding=1, padding_mode="circular", bias=False)
        position, rate = torch.arange(64.0).unsqueeze(1), 100.0 ** -(torch.arange(0, width, 2) / width)
        table = torch.zeros(64, width)
        table[:, 0::2], table[:, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
        self.register_buffer("pe", table.unsqueeze(0))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, activation="gelu", batch_first=True) for _ in range(2)
        )
        self.distil = DistillingLayer(width)
        self.projection = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.value(x.permute(0, 2, 1)).transpose(1, 2)
        h = h + self.pe[:, : h.size(1)]
        h = self.layers[1](self.distil(self.layers[0](h)))
        return self.projection(h)[:, -4:, :]


class FastWeights(nn.Module):
    """A memory that is corrected at each step by the delta rule (Schlag et al. 2021), as a loop of outer products."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(4, width) for _ in range(3))
        self.rate, self.out = nn.Linear(4, 1), nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.q(x), F.softmax(self.k(x), dim=-1), self.v(x)
        rate = torch.sigmoid(self.rate(x))
        memory = x.new_zeros(x.size(0), q.size(-1), v.size(-1))
        read = []
        for t in range(x.size(1)):
            old = torch.bmm(k[:, t].unsqueeze(1), memory).squeeze(1)
            memory = memory + torch.bmm(k[:, t].unsqueeze(2), (rate[:, t] * (v[:, t] - old)).unsqueeze(1))
            read.append(torch.bmm(q[:, t].unsqueeze(1), memory).squeeze(1))
        return self.out(torch.stack(read, dim=1))


SPECIMENS: dict[str, dict[str, Any]] = {
    "performer": {"build": Performer, "shape": (12, 4), "causal": False},
    "informer": {"build": Informer, "shape": (16, 5), "causal": False},
    "fast-weights": {"build": FastWeights, "shape": (8, 4), "causal": True},
}
