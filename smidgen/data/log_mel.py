"""Log-mel features: how loud each band of a sound is in each frame, bands as wide as hearing has them.

Shapes: n samples, T frames, F bands. Mel scale of O'Shaughnessy (1987): 2595 log10(1 + f / 700 Hz).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError, DataError

_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMelConfig:
    """Frames and bands; the defaults are those of small keyword spotters, 40 bands at 100 frames a second."""

    sample_rate_hz: int = 8000
    n_bands: int = 40  # F
    frames: int = 100  # T: longer sounds are cut behind, shorter ones are followed by silence
    hop_s: float = 0.010
    window_s: float = 0.025  # Hann, from the start of its frame
    low_hz: float = 20.0
    floor: float = 1e-8  # power of a band that counts as silence, against 1 for a constant at full scale

    def __post_init__(self) -> None:
        for name in ("sample_rate_hz", "n_bands", "frames", "hop_s", "window_s", "floor"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"log-mel features: {name} must be positive, got {getattr(self, name)}")
        if not 0 <= self.low_hz < self.sample_rate_hz / 2:
            raise ConfigError(f"log-mel features: low_hz must lie below half the sample rate, got {self.low_hz}")

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return round(self.hop_s * self.sample_rate_hz)

    @property
    def window(self) -> int:
        """Samples in a window."""
        return round(self.window_s * self.sample_rate_hz)

    @property
    def transform(self) -> int:
        """Points of the Fourier transform: four times the next power of two, to tell the lowest bands apart."""
        return 4 << (self.window - 1).bit_length()


def log_mel(samples: NDArray[np.int16], config: LogMelConfig) -> NDArray[np.float32]:
    """Return features (T, F): log10 of each band's amplitude over that of the floor, 0 for silence, 4 for full scale.

    Args: samples (n,). Raises DataError where there is none.
    """
    if samples.ndim != 1 or not len(samples):
        raise DataError(f"log-mel features need one channel of samples (n,), got shape {samples.shape}")
    needed = (config.frames - 1) * config.hop + config.window
    sound = np.zeros(needed)
    sound[: len(samples)] = samples[:needed] / _FULL_SCALE
    windows = np.lib.stride_tricks.sliding_window_view(sound, config.window)[:: config.hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(config.window) + 0.5) / config.window)
    spectrum = np.abs(np.fft.rfft(windows * hann, config.transform)) ** 2 / (hann.sum() ** 2)
    power = spectrum @ mel_filters(config).T
    return np.asarray(0.5 * np.log10(1.0 + power / config.floor), np.float32)


def mel_filters(config: LogMelConfig) -> NDArray[np.float64]:
    """Return triangles (F, bins): each band rises from the middle of the one below and falls to that of the one above.

    Raises ConfigError where the bands are narrower than the transform tells apart.
    """
    edges_mel = np.linspace(_mel(config.low_hz), _mel(config.sample_rate_hz / 2), config.n_bands + 2)
    edges = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins = np.fft.rfftfreq(config.transform, 1 / config.sample_rate_hz)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters: NDArray[np.float64] = np.clip(
        np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0.0, None
    )
    if np.any(filters.sum(axis=1) == 0.0):
        raise ConfigError(
            f"log-mel features: {config.n_bands} bands are narrower than a transform of {config.transform} points "
            "tells apart; take fewer bands or a longer window"
        )
    return filters


def _mel(frequency_hz: float) -> float:
    return float(2595.0 * np.log10(1.0 + frequency_hz / 700.0))
