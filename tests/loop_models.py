"""Recurrences as people write them, in Python loops over time: x (b, t, 4) -> (b, t, 3) or, at the end, (b, 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Layers(nn.Module):
    """Layers that the loops below share: 4 features, 6 units, 3 results."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.back = nn.Linear(4, 6), nn.Linear(6, 6, bias=False)
        self.out = nn.Linear(6, 3)
        self.decay = nn.Parameter(torch.linspace(0.2, 0.9, 6))

    def zeros(self, x: Tensor) -> Tensor:
        """Return a state of zeros."""
        return torch.zeros(x.shape[0], 6)


class Elman(_Layers):
    """The textbook loop."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps = self.zeros(x), []
        for t in range(x.shape[1]):
            h = torch.tanh(self.into(x[:, t]) + self.back(h))
            steps.append(self.out(h))
        return torch.stack(steps, 1)


class LearnedFirst(_Layers):
    """A learned first state, expanded; parts that keep the axis of time, joined by cat."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.linspace(-0.5, 0.5, 6).reshape(1, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        h, steps = self.first.expand(x.shape[0], -1, -1), []
        for frame in torch.split(x, 1, dim=1):
            h = torch.tanh(self.into(frame) + self.back(h))
            steps.append(h)
        return self.out(torch.cat(steps, 1))


class NoFirst(_Layers):
    """No state before the first step, which so is written another way."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps = None, []
        for frame in x.unbind(1):
            drive = self.into(frame)
            h = torch.tanh(drive) if h is None else torch.tanh(drive + self.back(h))
            steps.append(self.out(h))
        return torch.stack(steps, dim=1)


class NumberFirst(_Layers):
    """A plain 0 before the first step; what is emitted depends on the state before."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps, drive = 0, [], self.into(x)
        for t in range(x.shape[1]):
            h = self.decay * h + drive[:, t]
            steps.append(h)
        return self.out(torch.stack(steps, 1))


class Before(_Layers):
    """The last step's update is read by nobody."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps, drive = self.zeros(x), [], self.into(x)
        for t in range(x.shape[1]):
            steps.append(torch.tanh(h) + drive[:, t])
            h = self.decay * h + drive[:, t]
        return self.out(torch.stack(steps, 1))


class Written(_Layers):
    """Results written into a tensor that was there before."""

    def forward(self, x: Tensor) -> Tensor:
        h, result = self.zeros(x), torch.zeros(x.shape[0], x.shape[1], 6)
        for t in range(x.shape[1]):
            h = self.decay * h + self.into(x[:, t])
            result[:, t] = torch.tanh(h)
        return self.out(result)


class SecondOrder(_Layers):
    """A resonator: each step reads the two before it."""

    def forward(self, x: Tensor) -> Tensor:
        near, far, steps = self.zeros(x), self.zeros(x), []
        for t in range(x.shape[1]):
            h = 0.6 * near - 0.2 * far + self.into(x[:, t])
            near, far = h, near
            steps.append(h)
        return self.out(torch.stack(steps, 1))


class TimeFirst(_Layers):
    """Iterates over a tensor with time in front."""

    def forward(self, x: Tensor) -> Tensor:
        frames = x.transpose(0, 1)
        h, steps = frames.new_zeros(frames.shape[1], 6), []
        for frame in frames:
            h = torch.tanh(self.into(frame) + self.back(h))
            steps.append(h)
        return self.out(torch.stack(steps)).transpose(0, 1)


class ChannelsFirst(_Layers):
    """Time last."""

    def forward(self, x: Tensor) -> Tensor:
        drive = self.into(x).transpose(1, 2)
        h, steps = self.zeros(x), []
        for t in range(drive.shape[2]):
            h = 0.9 * h + 0.1 * drive[:, :, t]
            steps.append(h)
        return self.out(torch.stack(steps, 2).transpose(1, 2))


class CellStack(nn.Module):
    """torch's cells, two layers within a step; the last state decides."""

    def __init__(self) -> None:
        super().__init__()
        self.lower, self.upper, self.out = nn.LSTMCell(4, 6), nn.GRUCell(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        lower, upper = None, torch.zeros(x.shape[0], 6)
        for t in range(x.size(1)):
            lower = self.lower(x[:, t, :], lower)
            upper = self.upper(lower[0], upper)
        return self.out(upper)


class Concatenated(nn.Module):
    """Input and state side by side, as in hand-written cells."""

    def __init__(self) -> None:
        super().__init__()
        self.gates, self.candidate, self.out = nn.Linear(10, 12), nn.Linear(10, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.size(0), 6)
        for t in range(x.size(1)):
            update, reset = torch.sigmoid(self.gates(torch.cat([x[:, t], h], 1))).chunk(2, -1)
            candidate = torch.tanh(self.candidate(torch.cat([x[:, t], reset * h], 1)))
            h = (1 - update) * h + update * candidate
        return self.out(h)


class DeltaRule(nn.Module):
    """A matrix of associations that each step corrects (Schlag et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.queries, self.values, self.rate = (nn.Linear(4, n) for n in (5, 5, 6, 1))
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        k, q, v = F.normalize(self.keys(x), dim=-1), self.queries(x), self.values(x)
        rate = torch.sigmoid(self.rate(x))
        memory, steps = torch.zeros(x.shape[0], 6, 5), []
        for t in range(x.shape[1]):
            error = rate[:, t] * (v[:, t] - torch.einsum("bvk,bk->bv", memory, k[:, t]))
            memory = memory + torch.einsum("bv,bk->bvk", error, k[:, t])
            steps.append(torch.einsum("bvk,bk->bv", memory, q[:, t]))
        return self.out(torch.stack(steps, 1))


class TwoLoops(_Layers):
    """One loop behind another."""

    def forward(self, x: Tensor) -> Tensor:
        drive = self.into(x)
        for _ in range(2):
            h, steps = self.zeros(x), []
            for t in range(x.shape[1]):
                h = torch.tanh(drive[:, t] + self.back(h))
                steps.append(h)
            drive = torch.stack(steps, 1)
        return self.out(drive)


class Backward(_Layers):
    """From the last frame to the first."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps = self.zeros(x), []
        for t in reversed(range(x.shape[1])):
            h = self.decay * h + self.into(x[:, t])
            steps.insert(0, h)
        return self.out(torch.stack(steps, 1))


class BackwardTurned(_Layers):
    """From the last frame to the first, results left in the order of steps."""

    def forward(self, x: Tensor) -> Tensor:
        h, steps = self.zeros(x), []
        for t in range(x.shape[1] - 1, -1, -1):
            h = self.decay * h + self.into(x[:, t])
            steps.append(h)
        return self.out(torch.stack(steps, 1))


class Smoothed(_Layers):
    """Starts from the first frame, so that the loop has one step less."""

    def forward(self, x: Tensor) -> Tensor:
        drive = self.into(x)
        h = drive[:, 0]
        steps = [h]
        for t in range(1, x.shape[1]):
            h = 0.8 * h + 0.2 * drive[:, t]
            steps.append(h)
        return self.out(torch.stack(steps, 1))


class ReadBack(_Layers):
    """Results written into a tensor, from which the next step reads them."""

    def forward(self, x: Tensor) -> Tensor:
        drive = self.into(x)
        result = torch.zeros_like(drive)
        result[:, 0] = drive[:, 0]
        for t in range(1, x.shape[1]):
            result[:, t] = self.decay * result[:, t - 1] + drive[:, t]
        return self.out(result)


class FrameEncoder(nn.Module):
    """The same network for every frame, without a state, then a layer over time."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv1d(1, 2, 3), nn.Linear(4, 3)
        self.gru = nn.GRU(3, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        frames = [self.out(torch.relu(self.conv(x[:, t].unsqueeze(1))).flatten(1)) for t in range(x.shape[1])]
        return self.gru(torch.stack(frames, dim=1))[0]


class OtherWeights(nn.Module):
    """As many layers as there are frames, each read by one: nothing to roll up."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.out = nn.ModuleList(nn.Linear(4, 4) for _ in range(8)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[0], 4)
        for t, layer in enumerate(self.layers):
            h = torch.tanh(layer(x[:, t]) + 0.5 * h)
        return self.out(h)


class OtherOrder(_Layers):
    """Frames in no order."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.zeros(x)
        for t in (0, 2, 1, 5, 3, 4, 7, 6):
            h = self.decay * h + self.into(x[:, t])
        return self.out(h)


#: Loops that stream: what they emit depends on no later frame, and their first state on none.
STREAMING = (Elman, NoFirst, Before, Written, SecondOrder, CellStack, DeltaRule, FrameEncoder)
#: More of them, in other words.
VARIANTS = (LearnedFirst, NumberFirst, TimeFirst, ChannelsFirst, Concatenated, TwoLoops)
#: Loops that become loops all the same.
WINDOWED = (Backward, BackwardTurned, Smoothed, ReadBack)
#: Loops whose steps are not one step repeated.
UNROLLED = (OtherWeights, OtherOrder)
