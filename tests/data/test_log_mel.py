"""Log-mel features: silence is 0, full scale is 4, a tone stands in its band, ten times the amplitude adds 1."""

import re

import numpy as np
import pytest

from smidgen.data import LogMelConfig, log_mel
from smidgen.data.log_mel import mel_filters
from smidgen.errors import ConfigError, DataError

CONFIG = LogMelConfig()


def tone(frequency_hz, amplitude=8000.0, seconds=1.0):
    time_s = np.arange(round(seconds * CONFIG.sample_rate_hz)) / CONFIG.sample_rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)


def test_silence_is_zero_in_every_band_and_frame():
    """Also the silence behind a sound that is shorter than the frames asked for."""
    assert log_mel(np.zeros(10, np.int16), CONFIG).tolist() == np.zeros((100, 40)).tolist()
    short = log_mel(tone(500, seconds=0.3), CONFIG)
    assert short.dtype == np.float32
    assert short[:27].max(axis=1).min() > 1.0
    assert not short[30:].any()


@pytest.mark.parametrize("frequency_hz", [150, 440, 1000, 2500, 3700])
def test_a_tone_stands_in_the_band_around_it(frequency_hz):
    """The loudest band is the one whose middle is nearest on the mel scale."""
    edges_mel = np.linspace(*(2595 * np.log10(1 + f / 700) for f in (20.0, 4000.0)), 42)
    nearest = np.abs(edges_mel[1:-1] - 2595 * np.log10(1 + frequency_hz / 700)).argmin()
    assert set(log_mel(tone(frequency_hz), CONFIG)[:97].argmax(axis=1)) == {nearest}


def test_ten_times_the_amplitude_adds_one():
    """The unit is a power of ten of amplitude, 20 dB, far above the floor."""
    quiet, loud = (log_mel(tone(1000, amplitude), CONFIG)[:90].max() for amplitude in (1000.0, 10000.0))
    assert loud - quiet == pytest.approx(1.0, abs=0.01)


def test_a_longer_sound_is_cut_behind():
    """Features tell the first frames, whatever follows."""
    long = np.concatenate([tone(300), tone(2000), tone(300)])
    assert np.array_equal(log_mel(long, CONFIG)[:97], log_mel(tone(300), CONFIG)[:97])


def test_bands_cover_the_spectrum():
    """Neighbouring triangles add up to 1 between the middles of the first and the last band."""
    filters = mel_filters(CONFIG)
    assert filters.shape == (40, 513)
    covered = filters.sum(axis=0)[16:480]
    assert covered == pytest.approx(np.ones_like(covered))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n_bands": 0}, "n_bands must be positive, got 0"),
        ({"low_hz": 4000.0}, "low_hz must lie below half the sample rate, got 4000.0"),
        ({"n_bands": 2000}, "2000 bands are narrower than a transform of 1024 points tells apart"),
    ],
)
def test_features_that_cannot_be_are_refused(asked, message):
    """Each setting states its range; bands that hold no bin of the transform are no bands."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        log_mel(tone(500), LogMelConfig(**asked))


@pytest.mark.parametrize("shape", [(0,), (2, 100)])
def test_no_sound_and_two_channels_are_refused(shape):
    """One channel with at least one sample."""
    with pytest.raises(DataError, match="one channel of samples"):
        log_mel(np.zeros(shape, np.int16), CONFIG)
