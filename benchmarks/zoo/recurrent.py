"""Recurrent networks, from torch's own layers and by hand."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LSTMClassifier(nn.Module):
    """Two stacked layers with dropout; the last hidden state decides."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 12, num_layers=2, batch_first=True, dropout=0.2)
        self.fc = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        _, (h_n, _) = self.lstm(x)
        return self.fc(h_n[-1])


class BidirectionalGRU(nn.Module):
    """Both directions, mean over time."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, 8, num_layers=2, bidirectional=True, batch_first=True)
        self.fc = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.gru(x)
        return self.fc(torch.mean(out, 1))


class ElmanRNN(nn.Module):
    """nn.RNN, time first, one output a step."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(4, 10, nonlinearity="tanh")
        self.fc = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        out, _ = self.rnn(x.transpose(0, 1))
        return self.fc(out).transpose(0, 1)


class CellLoop(nn.Module):
    """nn.GRUCell in a Python loop."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, 8)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 8)
        outputs = []
        for t in range(x.size(1)):
            h = self.cell(x[:, t, :], h)
            outputs.append(self.fc(h))
        return torch.stack(outputs, dim=1)


class MinGRU(nn.Module):
    """minGRU (Feng et al. 2024), sequential form: gates see the input alone."""

    def __init__(self) -> None:
        super().__init__()
        self.z, self.h = nn.Linear(5, 10), nn.Linear(5, 10)
        self.out = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        z, candidate = torch.sigmoid(self.z(x)), self.h(x)
        state = x.new_zeros(x.shape[0], 10)
        for t in range(x.shape[1]):
            state = (1 - z[:, t]) * state + z[:, t] * candidate[:, t]
        return self.out(state)


class LeakyIntegrator(nn.Module):
    """Independent recurrent units with a learned leak and a clipped activation."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = nn.Linear(4, 10)
        self.leak = nn.Parameter(torch.rand(10) * 2)
        self.recurrent = nn.Parameter(torch.rand(10) - 0.5)
        self.out = nn.Linear(10, 3)

    def forward(self, x: Tensor) -> Tensor:
        drive = self.inp(x)
        alpha = torch.sigmoid(self.leak)
        v = torch.zeros_like(drive[:, 0])
        steps = []
        for d in drive.unbind(dim=1):
            v = alpha * v + (1 - alpha) * torch.clamp(d + self.recurrent * v, min=0.0, max=6.0)
            steps.append(v)
        return self.out(torch.stack(steps, 1))


class DeepConvLSTM(nn.Module):
    """Convolutions over time, then an LSTM (Ordonez and Roggen 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, (5, 1))
        self.conv2 = nn.Conv2d(6, 6, (3, 1))
        self.lstm = nn.LSTM(6 * 3, 10)
        self.fc = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unsqueeze(1)
        x = F.relu(self.conv2(F.relu(self.conv1(x))))
        x = x.permute(2, 0, 3, 1)
        x = x.reshape(x.shape[0], x.shape[1], -1)
        out, _ = self.lstm(x)
        return F.softmax(self.fc(out[-1]), dim=1)


class AttentiveBiLSTM(nn.Module):
    """Additive attention pools the states of a bidirectional LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 8, batch_first=True, bidirectional=True)
        self.score = nn.Sequential(nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.lstm(x)
        weights = torch.softmax(self.score(h), dim=1)
        return self.fc((weights * h).sum(dim=1))


class SpeechGRU(nn.Module):
    """Convolutional front end with batch norm and hard tanh, then a GRU, logits a step (DeepSpeech style)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv1d(8, 12, 5, stride=2, padding=2), nn.BatchNorm1d(12), nn.Hardtanh(0, 20, inplace=True)
        )
        self.gru = nn.GRU(12, 10, batch_first=True)
        self.fc = nn.Linear(10, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv(x.permute(0, 2, 1)).permute(0, 2, 1)
        h, _ = self.gru(h)
        return self.fc(F.relu(h))


class HierarchicalAttention(nn.Module):
    """An encoder of sub-windows, folded into the batch, below one of their summaries (Yang et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.GRU(5, 4, bidirectional=True, batch_first=True)
        self.outer = nn.GRU(8, 4, bidirectional=True, batch_first=True)
        self.scores = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1, False)) for _ in range(2))
        self.fc = nn.Linear(8, 3)

    def pooled(self, level: int, h: Tensor) -> Tensor:
        return (torch.softmax(self.scores[level](h), dim=1) * h).sum(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        b, windows, steps, f = x.shape
        h, _ = self.inner(x.view(b * windows, steps, f))
        h, _ = self.outer(self.pooled(0, h).view(b, windows, -1))
        return self.fc(self.pooled(1, h))


class ConvLSTM(nn.Module):
    """Frames of a map through a convolutional LSTM cell (Shi et al. 2015)."""

    def __init__(self, hidden: int = 3) -> None:
        super().__init__()
        self.hidden = hidden
        self.conv = nn.Conv2d(1 + hidden, 4 * hidden, 3, padding=1)
        self.fc = nn.Linear(hidden, 2)

    def forward(self, x: Tensor) -> Tensor:
        b, steps, _, height, width = x.size()
        h = c = torch.zeros(b, self.hidden, height, width, device=x.device)
        outputs = []
        for t in range(steps):
            gates = self.conv(torch.cat([x[:, t, :, :, :], h], dim=1))
            i, f, o, g = torch.split(gates, self.hidden, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return self.fc(torch.stack(outputs, dim=1).mean((3, 4)))


SPECIMENS: dict[str, dict[str, Any]] = {
    "lstm": {"build": LSTMClassifier, "shape": (12, 5), "causal": True},
    "bidirectional-gru": {"build": BidirectionalGRU, "shape": (9, 5), "causal": False},
    "elman-rnn": {"build": ElmanRNN, "shape": (11, 4), "causal": True},
    "gru-cell-loop": {"build": CellLoop, "shape": (8, 4), "causal": True},
    "min-gru": {"build": MinGRU, "shape": (16, 5), "causal": True},
    "leaky-integrator": {"build": LeakyIntegrator, "shape": (12, 4), "causal": True},
    "deep-conv-lstm": {"build": DeepConvLSTM, "shape": (14, 3), "causal": True},
    "attentive-bilstm": {"build": AttentiveBiLSTM, "shape": (10, 5), "causal": False},
    "hierarchical-attention": {"build": HierarchicalAttention, "shape": (4, 6, 5), "causal": False},
    "conv-lstm": {"build": ConvLSTM, "shape": (4, 1, 4, 4), "causal": True},
    "speech-gru": {"build": SpeechGRU, "shape": (16, 8), "causal": False},
}
