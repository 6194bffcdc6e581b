"""Convolutional networks over time, and over time by frequency."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class Chomp1d(nn.Module):
    """Cut what padding on the right let in."""

    def __init__(self, chomp: int) -> None:
        super().__init__()
        self.chomp = chomp

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : -self.chomp].contiguous()


class TemporalBlock(nn.Module):
    """Two dilated causal convolutions with weight norm and a residual (Bai et al. 2018)."""

    def __init__(self, n_inputs: int, n_outputs: int, dilation: int, kernel: int = 3) -> None:
        super().__init__()
        padding = (kernel - 1) * dilation
        self.net = nn.Sequential(
            weight_norm(nn.Conv1d(n_inputs, n_outputs, kernel, padding=padding, dilation=dilation)),
            Chomp1d(padding), nn.ReLU(), nn.Dropout(0.2),
            weight_norm(nn.Conv1d(n_outputs, n_outputs, kernel, padding=padding, dilation=dilation)),
            Chomp1d(padding), nn.ReLU(), nn.Dropout(0.2),
        )  # fmt: skip
        self.downsample = nn.Conv1d(n_inputs, n_outputs, 1) if n_inputs != n_outputs else None

    def forward(self, x: Tensor) -> Tensor:
        res = x if self.downsample is None else self.downsample(x)
        return F.relu(self.net(x) + res)


class TCN(nn.Module):
    """Temporal convolutional network; the last step decides."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(TemporalBlock(4, 8, 1), TemporalBlock(8, 8, 2), TemporalBlock(8, 8, 4))
        self.linear = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.network(x.transpose(1, 2))[:, :, -1])


class DSCNN(nn.Module):
    """Depthwise separable network for keywords (Zhang et al. 2017) on a spectrogram without channel axis."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, 8, (5, 4), stride=2, padding=(2, 1), bias=False), nn.BatchNorm2d(8), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for _ in range(2):
            blocks += [
                nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
                nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            ]  # fmt: skip
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.blocks(self.stem(x[:, None])))
        return self.fc(x.view(x.size(0), -1))


class BasicBlock(nn.Module):
    """Residual block of a one-dimensional ResNet."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm1d(out)
        self.conv2 = nn.Conv1d(out, out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm1d(out)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv1d(channels, out, 1, stride, bias=False), nn.BatchNorm1d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return self.relu(out)


class ResNet1d(nn.Module):
    """Channels first, as in most published code for sensors and ECG."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(3, 8, 7, 2, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.MaxPool1d(3, 2, 1))
        self.layers = nn.Sequential(BasicBlock(8, 8, 1), BasicBlock(8, 16, 2))
        self.fc = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.adaptive_avg_pool1d(self.layers(self.stem(x)), 1)
        return self.fc(torch.flatten(x, 1))


class WaveNet(nn.Module):
    """Gated dilated causal convolutions with skips (van den Oord et al. 2016)."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.inp = nn.Conv1d(2, channels, 1)
        self.filters = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=2**i) for i in range(3))
        self.gates = nn.ModuleList(nn.Conv1d(channels, channels, 2, dilation=2**i) for i in range(3))
        self.residual = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(3))
        self.skip = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(3))
        self.out = nn.Conv1d(channels, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x.mT)
        total: Any = 0
        for i in range(3):
            padded = F.pad(x, (2**i, 0))
            z = torch.tanh(self.filters[i](padded)) * torch.sigmoid(self.gates[i](padded))
            total = total + self.skip[i](z)
            x = x + self.residual[i](z)
        return self.out(F.relu(total)).mT


class InceptionTime(nn.Module):
    """Parallel kernels of several lengths and a pooled branch (Ismail Fawaz et al. 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.bottleneck = nn.Conv1d(3, 4, 1, bias=False)
        self.convs = nn.ModuleList(nn.Conv1d(4, 4, k, padding=k // 2, bias=False) for k in (9, 5, 3))
        self.pool = nn.Sequential(nn.MaxPool1d(3, 1, 1), nn.Conv1d(3, 4, 1, bias=False))
        self.bn = nn.BatchNorm1d(16)
        self.fc = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(-1, -2)
        h = self.bottleneck(x)
        h = torch.cat([conv(h) for conv in self.convs] + [self.pool(x)], dim=1)
        return self.fc(F.relu(self.bn(h)).mean(-1))


class SqueezeExcite(nn.Module):
    """Channel gates from the mean over the map (Hu et al. 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, 4, 1), nn.Conv2d(4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        s = x.mean((2, 3), keepdim=True)
        return x * F.hardsigmoid(self.fc2(F.relu(self.fc1(s))))


class MobileNet(nn.Module):
    """Inverted residuals with squeeze-excite and hard swish (Howard et al. 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.expand = nn.Sequential(nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        self.depthwise = nn.Sequential(
            nn.Conv2d(16, 16, 3, 1, 1, groups=16, bias=False), nn.BatchNorm2d(16), nn.ReLU6()
        )
        self.se = SqueezeExcite(16)
        self.project = nn.Sequential(nn.Conv2d(16, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.head = nn.Linear(8 * 2 * 2, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.project(self.se(self.depthwise(self.expand(x))))
        return self.head(F.avg_pool2d(x, 2).flatten(1))


class EEGNet(nn.Module):
    """Temporal, then spatial depthwise, then separable convolutions with ELU (Lawhern et al. 2018)."""

    def __init__(self) -> None:
        super().__init__()
        self.temporal = nn.Conv2d(1, 4, (1, 8), padding="same", bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.spatial = nn.Conv2d(4, 8, (5, 1), groups=4, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.separable = nn.Sequential(
            nn.Conv2d(8, 8, (1, 4), padding=(0, 2), groups=8, bias=False), nn.Conv2d(8, 8, 1, bias=False)
        )
        self.bn3 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn1(self.temporal(x.unsqueeze(1)))
        x = F.dropout(F.avg_pool2d(F.elu(self.bn2(self.spatial(x))), (1, 4)), 0.25, self.training)
        x = F.avg_pool2d(F.elu(self.bn3(self.separable(x))), (1, 4))
        return self.fc(x.flatten(start_dim=1))


class ConvNeXt1d(nn.Module):
    """Depthwise convolution, channel norm, inverted bottleneck, layer scale (Liu et al. 2022)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.inp = nn.Linear(4, width)
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        self.gamma = nn.Parameter(0.5 * torch.rand(width))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x)
        h = self.dwconv(x.permute(0, 2, 1)).permute(0, 2, 1)
        h = self.gamma * self.pwconv2(self.act(self.pwconv1(self.norm(h))))
        return self.head((x + h).amax(dim=1))


class LeNet1d(nn.Module):
    """Convolution, pooling, leaky and parametric rectifiers, flattened into two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv1d(3, 6, 5), nn.LeakyReLU(0.1), nn.MaxPool1d(2),
            nn.Conv1d(6, 8, 3), nn.PReLU(8), nn.AvgPool1d(2), nn.Flatten(),
        )  # fmt: skip
        self.classifier = nn.Sequential(nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 4), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x))


class UNet(nn.Module):
    """Down by pooling, up by a transposed convolution, skips cropped and joined (Ronneberger et al. 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.bottom, self.merge = self.pair(2, 4), self.pair(4, 8), self.pair(8, 4)
        self.up = nn.ConvTranspose1d(8, 4, kernel_size=2, stride=2)
        self.out = nn.Conv1d(4, 1, 1)

    @staticmethod
    def pair(n_inputs: int, n_outputs: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv1d(n_inputs, n_outputs, 3, padding=1), nn.BatchNorm1d(n_outputs), nn.ReLU(inplace=True),
            nn.Conv1d(n_outputs, n_outputs, 3, padding=1), nn.BatchNorm1d(n_outputs), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        x = self.up(self.bottom(F.max_pool1d(skip, 2)))
        missing = skip.size()[2] - x.size()[2]
        x = F.pad(x, [missing // 2, missing - missing // 2])
        return torch.sigmoid(self.out(self.merge(torch.cat([skip, x], dim=1))))


SPECIMENS: dict[str, dict[str, Any]] = {
    "tcn": {"build": TCN, "shape": (20, 4), "causal": True},
    "ds-cnn": {"build": DSCNN, "shape": (16, 10), "causal": False},
    "resnet-1d": {"build": ResNet1d, "shape": (3, 40), "causal": False},
    "wavenet": {"build": WaveNet, "shape": (16, 2), "causal": True},
    "inception-time": {"build": InceptionTime, "shape": (16, 3), "causal": False},
    "mobilenet": {"build": MobileNet, "shape": (1, 8, 8), "causal": False},
    "eegnet": {"build": EEGNet, "shape": (5, 32), "causal": False},
    "convnext-1d": {"build": ConvNeXt1d, "shape": (14, 4), "causal": False},
    "u-net": {"build": UNet, "shape": (2, 17), "causal": False},
    "lenet-1d": {"build": LeNet1d, "shape": (3, 24), "causal": False},
}
