"""The large teacher for rooms: MDCSA emissions under a conditional random field (Jovan et al. 2023).

Shapes: b batch, t time steps, A access points, M motion channels, R rooms, H = d_model.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smidgen.errors import ConfigError
from smidgen.models.crf import LinearChainCRF
from smidgen.models.mdcsa import MDCSAConfig, MDCSAEncoder
from smidgen.models.pretrained import PretrainedModel
from smidgen.rssi import HEARD_DBM

UNHEARD_DBM = -120.0
"""Level that the authors give to an access point that was not heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MDCSACRFConfig:
    """Shape of the teacher; the defaults are the authors'."""

    n_access_points: int  # A
    n_motion: int = 0  # M; 0 for radio alone
    n_rooms: int  # R
    d_model: int = 256  # H
    n_positions: int = 25  # the window
    gate_expand: int = 4
    dropout: float = 0.15
    faithful: bool = True  # see MDCSAConfig

    def __post_init__(self) -> None:
        for name, least in (("n_access_points", 1), ("n_motion", 0), ("n_rooms", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"MDCSACRFConfig: {name} must be at least {least}, got {getattr(self, name)}")
        self.encoder()

    def encoder(self) -> MDCSAConfig:
        return MDCSAConfig(
            d_input=self.n_access_points + self.n_motion,
            d_motion=self.n_motion,
            d_model=self.d_model,
            n_positions=self.n_positions,
            gate_expand=self.gate_expand,
            dropout=self.dropout,
            faithful=self.faithful,
        )


class MDCSACRF(PretrainedModel):
    """Rooms of whole windows: rssi (b, t, A) in dBm, 127 = not heard, and motion (b, t, M) in g.

    `scaler` must have seen the training windows (`fit_scaler`), and no others, before the first use.
    """

    config_class = MDCSACRFConfig

    def __init__(self, config: MDCSACRFConfig) -> None:
        super().__init__()
        self.config = config
        self.scaler = MinMaxScaler(config.n_access_points + config.n_motion)
        self.encoder = MDCSAEncoder(config.encoder())
        self.head = nn.Linear(config.d_model, config.n_rooms)
        self.hall_head = nn.Linear(config.d_model, 1)  # "is it the hall?", learned beside the rooms
        self.crf = LinearChainCRF(config.n_rooms)

    def fit_scaler(self, rssi: Tensor, motion: Tensor) -> None:
        """Take the range of each feature from training windows."""
        self.scaler.fit(_features(rssi, motion))

    def forward(self, rssi: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return the emissions (b, t, R) and the logits (b, t) of being in the hall."""
        hidden = self.encoder(self.scaler(_features(rssi, motion)))
        return self.head(hidden), self.hall_head(hidden)[..., 0]

    def decode(self, rssi: Tensor, motion: Tensor) -> Tensor:
        """Return the most probable rooms (b, t) of each window."""
        return self.crf.viterbi(self(rssi, motion)[0])

    def marginals(self, rssi: Tensor, motion: Tensor) -> Tensor:
        """Return the probability (b, t, R) of each room at each step, given the window: soft labels for a student."""
        return self.crf.marginals(self(rssi, motion)[0])


class MinMaxScaler(nn.Module):
    """Each feature to 0 at its smallest training value and 1 at its largest; one that never varied stays 0 there."""

    low: Tensor  # (F,)
    span: Tensor  # (F,)

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("low", torch.zeros(n_features))
        self.register_buffer("span", torch.ones(n_features))

    def fit(self, values: Tensor) -> None:
        """Args: values (.., F)."""
        flat = values.flatten(0, -2)
        self.low.copy_(flat.amin(0))
        span = flat.amax(0) - self.low
        self.span.copy_(torch.where(span > 0, span, 1.0))

    def forward(self, values: Tensor) -> Tensor:
        return (values - self.low) / self.span


def _features(rssi: Tensor, motion: Tensor) -> Tensor:
    """(b, t, A + M)."""
    heard = rssi.clamp(*HEARD_DBM).eq(rssi)
    return torch.cat([torch.where(heard, rssi, UNHEARD_DBM), motion], dim=-1)
