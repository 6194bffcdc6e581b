"""Convolution along time that sees no future, on (b, t, channels) as all our encoders pass their states."""

from torch import Tensor, nn


class CausalConv1d(nn.Conv1d):
    """Row t of (b, t, out_channels) reads rows t, t - dilation, .. of (b, t, in_channels), zeros before the first."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, dilation: int = 1, groups: int = 1
    ) -> None:
        history = dilation * (kernel_size - 1)  # rows before t that row t reads
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation, padding=history, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        padded = super().forward(x.transpose(1, 2))
        return padded[..., : x.shape[1]].transpose(1, 2)  # what is cut off looks ahead
