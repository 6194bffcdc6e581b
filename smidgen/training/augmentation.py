"""Augmentation of RSSI windows: what another day, another wrist or a broken access point would have done to them.

Shapes: b batch, t time steps, A access points.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from smidgen.data.recording import RSSI_RANGE_DBM
from smidgen.errors import ConfigError
from smidgen.rssi import HEARD_DBM, NOT_HEARD_DBM


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """How strongly windows are disturbed; the defaults of zero leave them as they are."""

    drop_access_point: float = 0.0  # probability that an access point is silent for the whole window
    drop_sometimes_absent: float = 0.0  # the same, for those that some recordings lack: homes gain and lose them
    offset_db: float = 0.0  # one offset for the whole window, uniform in +-offset_db: transmit power, body, wrist
    noise_db: float = 0.0  # one for every step and access point, uniform in +-noise_db: fading
    burst: float = 0.0  # probability that a window has a burst of loss: no access point hears anything for a while
    longest_burst: int = 1  # steps

    def __post_init__(self) -> None:
        for name in ("drop_access_point", "drop_sometimes_absent", "burst"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ConfigError(f"augmentation: {name} must be a probability in [0, 1), got {getattr(self, name)}")
        for name in ("offset_db", "noise_db"):
            if not 0.0 <= getattr(self, name) <= 30.0:
                raise ConfigError(f"augmentation: {name} must lie in [0, 30] dB, got {getattr(self, name)}")
        if self.longest_burst < 1:
            raise ConfigError(f"augmentation: longest_burst must be at least 1 step, got {self.longest_burst}")


def augment_rssi(
    rssi: Tensor,
    config: AugmentationConfig,
    *,
    generator: torch.Generator,
    sometimes_absent: Tensor | None = None,
) -> Tensor:
    """Return disturbed copies of windows; the generator, on the same device as `rssi`, decides everything.

    Args: rssi (b, t, A) float, dBm, 127 = not heard; sometimes_absent (A,) which access points some recordings lack.
    Returns: the same shape; what was not heard stays 127, and what was heard either becomes 127 or stays within what a
    controller can report, in whole dBm as it reports them.
    """
    heard = rssi.clamp(*HEARD_DBM).eq(rssi)
    level = rssi + _offset(rssi, config.offset_db, generator) + _noise(rssi, config.noise_db, generator)
    keep = heard & ~_dropped(rssi, config.drop_access_point, generator) & ~_burst(rssi, config, generator)
    if sometimes_absent is not None:
        keep = keep & ~(sometimes_absent & _dropped(rssi, config.drop_sometimes_absent, generator))
    return torch.where(keep, level.round().clamp(*RSSI_RANGE_DBM), float(NOT_HEARD_DBM))


def _offset(rssi: Tensor, offset_db: float, generator: torch.Generator) -> Tensor:
    """(b, 1, 1) dB."""
    return offset_db * (2.0 * _uniform((rssi.shape[0], 1, 1), generator) - 1.0)


def _noise(rssi: Tensor, noise_db: float, generator: torch.Generator) -> Tensor:
    """(b, t, A) dB."""
    return noise_db * (2.0 * _uniform(rssi.shape, generator) - 1.0)


def _dropped(rssi: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """(b, 1, A), true where an access point is silent for the whole window."""
    return _uniform((rssi.shape[0], 1, rssi.shape[2]), generator) < probability


def _burst(rssi: Tensor, config: AugmentationConfig, generator: torch.Generator) -> Tensor:
    """(b, t, 1), true inside the burst of loss: 1 to longest_burst steps, anywhere in the window."""
    batch, steps, _ = rssi.shape
    start = (_uniform((batch, 1), generator) * steps).floor()
    length = (_uniform((batch, 1), generator) * config.longest_burst).floor() + 1.0
    happens = _uniform((batch, 1), generator) < config.burst
    step = torch.arange(steps, device=rssi.device)
    return (happens & (step >= start) & (step < start + length)).unsqueeze(-1)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform in [0, 1)."""
    return torch.rand(shape, generator=generator, device=generator.device)
