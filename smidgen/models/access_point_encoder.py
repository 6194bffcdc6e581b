"""One small GRU that reads every access point alike: what it learns in some homes holds in any other.

Access points come in no order and in any number, so an encoder that is to move between homes may not know one from
another: the same weights read each (Zaheer et al. 2017, "Deep Sets", Section 2). A room is then a centre in the space
of all their states side by side, and the logits are minus the squared distances to the centres (Snell, Swersky & Zemel
2017, "Prototypical Networks", Sections 2.3 and 2.4), which are linear in the state. So the whole becomes a plain GRU
classifier whose matrices are block-diagonal: it trains on, compiles and streams like any other.
Shapes: b batch, t time steps, A access points, M motion channels, K state of one access point, D = A K + d_motion.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from smidgen.errors import ConfigError
from smidgen.models.classifier import ClassifierConfig, RoomClassifier
from smidgen.models.gru import GRUEncoder
from smidgen.models.pretrained import PretrainedModel
from smidgen.models.radio import RadioFrontEnd

_GATES = 3  # of a GRU, one below the other in its matrices
_NEVER = -30.0
"""Logit of a room without a centre: it was not visited, and cannot be answered before it is learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPointEncoderConfig:
    """Sizes of the shared encoder."""

    n_motion: int = 6  # M
    d_access_point: int = 6  # K
    d_motion: int = 8

    def __post_init__(self) -> None:
        for name in ("n_motion", "d_access_point", "d_motion"):
            if getattr(self, name) < 1:
                raise ConfigError(f"access point encoder: {name} must be at least 1, got {getattr(self, name)}")


class AccessPointEncoder(PretrainedModel):
    """rssi (b, t, A) for any A, and motion (b, t, M), to states (b, t, D): K of each access point, then of motion."""

    config_class = AccessPointEncoderConfig

    def __init__(self, config: AccessPointEncoderConfig) -> None:
        super().__init__()
        self.config = config
        k, d_motion = config.d_access_point, config.d_motion
        self.front_end = RadioFrontEnd()
        self.level_proj = nn.Linear(2, k)
        self.level_gru = nn.GRU(k, k, batch_first=True)
        self.motion_proj = nn.Linear(config.n_motion, d_motion)
        self.motion_gru = nn.GRU(d_motion, d_motion, batch_first=True)
        self.log_sharpness = nn.Parameter(torch.zeros(()))  # of distances against logits

    def forward(self, rssi: Tensor, motion: Tensor) -> Tensor:
        b, t, n_access_points = rssi.shape
        features = self.front_end(rssi, motion)
        level, mask, moved = features.split([n_access_points, n_access_points, motion.shape[2]], dim=-1)
        each = torch.stack([level, mask], dim=-1).permute(0, 2, 1, 3).reshape(b * n_access_points, t, 2)
        states = self.level_gru(self.level_proj(each))[0].reshape(b, n_access_points, t, -1)
        levels = states.permute(0, 2, 1, 3).reshape(b, t, -1)
        return torch.cat([levels, self.motion_gru(self.motion_proj(moved))[0]], dim=-1)

    def logits(self, states: Tensor, centres: Tensor) -> Tensor:
        """Return -sharpness |state - centre|^2 but for what all rooms share. Args: states (n, D); centres (R, D)."""
        weight, bias = self._head(centres)
        return states @ weight.T + bias

    def classifier(self, centres: Tensor, *, n_access_points: int) -> RoomClassifier:
        """Return a GRU classifier with the logits of `self.logits`, for one home.

        Args: centres (R, D) of the home's rooms, NaN for a room that has none: it is not answered until training on.
        Raises: ConfigError where the centres are not those of so many access points.
        """
        k, d_motion = self.config.d_access_point, self.config.d_motion
        d_model = n_access_points * k + d_motion
        if centres.ndim != 2 or centres.shape[1] != d_model:
            raise ConfigError(
                f"the centres of rooms among {n_access_points} access points have {d_model} entries each, got "
                f"{tuple(centres.shape)}"
            )
        model = RoomClassifier(
            ClassifierConfig(
                name="gru",
                n_access_points=n_access_points,
                n_motion=self.config.n_motion,
                n_rooms=len(centres),
                shape={"d_model": d_model},
            )
        )
        weight, bias = self._head(centres)
        encoder = cast(GRUEncoder, model.encoder)
        into = encoder.in_proj
        with torch.no_grad():
            into.weight.zero_()
            for a in range(n_access_points):
                into.weight[a * k : (a + 1) * k, [a, n_access_points + a]] = self.level_proj.weight
            into.weight[n_access_points * k :, 2 * n_access_points :] = self.motion_proj.weight
            into.bias.copy_(torch.cat([self.level_proj.bias.repeat(n_access_points), self.motion_proj.bias]))
            for name, value in encoder.gru.named_parameters():
                value.copy_(self._block_diagonal(name, n_access_points))
            model.head.weight.copy_(weight)
            model.head.bias.copy_(bias)
        return model

    def _head(self, centres: Tensor) -> tuple[Tensor, Tensor]:
        """Return weight (R, D) and bias (R,) of the logits; 2 u.c - |c|^2 orders rooms as -|u - c|^2 does."""
        sharpness = self.log_sharpness.exp()
        has_centre = ~centres.isnan().any(dim=1)
        known = centres.nan_to_num(0.0)
        bias = torch.where(has_centre, -sharpness * (known * known).sum(dim=1), _NEVER)
        return 2.0 * sharpness * known, bias

    def _block_diagonal(self, name: str, n_access_points: int) -> Tensor:
        """Return a GRU's parameter (3 D, D) or (3 D,) that runs the shared GRUs side by side."""
        level = self.level_gru.get_parameter(name).chunk(_GATES)
        motion = self.motion_gru.get_parameter(name).chunk(_GATES)
        blocks = [[gate] * n_access_points + [moved] for gate, moved in zip(level, motion, strict=True)]
        join = torch.cat if level[0].ndim == 1 else _diagonal
        return torch.cat([join(parts) for parts in blocks])


def _diagonal(blocks: list[Tensor]) -> Tensor:
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined


def room_centres(states: Tensor, room: Tensor, *, n_rooms: int) -> Tensor:
    """Return the mean state (R, D) of each room; NaN for a room without any. Args: states (n, D); room (n,) 0..R-1."""
    total = torch.zeros(n_rooms, states.shape[1], dtype=states.dtype).index_add(0, room, states)
    count = torch.bincount(room, minlength=n_rooms).to(states.dtype)
    return total / count[:, None]  # 0 / 0 is NaN
