"""Multi-layer perceptron on the last frames: what a network without memory makes of a window.

Shapes: b batch, t time steps, T = n_frames, D = d_model. At every step the last T frames, flattened, pass a linear
layer: that is a convolution along time of T taps, so the same weights read one window, a long recording, or a stream.
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.errors import ConfigError
from smidgen.models.causal_convolution import CausalConv1d
from smidgen.models.pretrained import PretrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPConfig:
    """Shape of a perceptron on windows."""

    d_input: int  # features per step
    n_frames: int  # T, the window
    d_model: int = 16  # D, width of every hidden layer
    n_layers: int = 2  # hidden layers, the first on the window

    def __post_init__(self) -> None:
        for name in ("d_input", "n_frames", "d_model", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"MLPConfig: {name} must be at least 1, got {getattr(self, name)}")


class MLPEncoder(PretrainedModel):
    """Features (b, t, d_input) to hidden states (b, t, D): row t reads rows t - T + 1 to t.

    Rows before the first read as zeros, which is what the radio front end makes of "nothing heard, no motion".
    """

    config_class = MLPConfig
    causal: ClassVar[bool] = True

    def __init__(self, config: MLPConfig) -> None:
        super().__init__()
        self.config = config
        self.d_model = config.d_model
        self.window = CausalConv1d(config.d_input, config.d_model, config.n_frames)
        self.layers = nn.ModuleList(nn.Linear(config.d_model, config.d_model) for _ in range(config.n_layers - 1))

    def forward(self, features: Tensor) -> Tensor:
        x = F.relu(self.window(features))
        for layer in self.layers:
            x = F.relu(layer(x))
        return x
