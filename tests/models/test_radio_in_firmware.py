"""The compiled program reads every byte of signal strength as the network does, and no byte stops the proof."""

import numpy as np
import pytest
import torch
from room_models import ACCESS_POINTS, MOTION, STEPS, compiled

from smidgen.rssi import FAINTEST_DBM, LOUDEST_DBM, NOT_HEARD_DBM, SATURATED_DBM

BYTES = torch.arange(-128, 128)


@pytest.fixture(scope="module")
def firmware():
    """A GRU in int8: with a state that a single wrong step would leave a mark on."""
    return compiled("gru", "int8")


def hostile(n: int, steps: int = STEPS) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows of floods, of saturation, of nothing, and of any byte at all, with motion up to the rails."""
    draw = torch.Generator().manual_seed(0)
    rssi = torch.randint(-128, 128, (n, steps, ACCESS_POINTS), generator=draw).float()
    for i, code in enumerate((-120, -128, -1, LOUDEST_DBM, NOT_HEARD_DBM)):
        rssi[i::8] = torch.where(torch.rand(rssi[i::8].shape, generator=draw) < 0.8, float(code), rssi[i::8])
    motion = 8.0 * (2.0 * torch.rand((n, steps, MOTION), generator=draw) - 1.0)
    return rssi, motion.clamp(-7.99, 7.99)


def answers(firmware, rssi: torch.Tensor) -> np.ndarray:
    rest = torch.zeros(len(rssi), STEPS, MOTION)
    (logits,) = firmware.run_integers((rssi, rest))
    return logits


@pytest.mark.parametrize("access_point", range(ACCESS_POINTS))
def test_every_byte_means_in_integers_what_it_means_in_float(firmware, access_point):
    """At any access point: all bytes for "not heard" give the bytes of 127, all saturated ones those of -30 dBm."""
    rssi = torch.full((256, STEPS, ACCESS_POINTS), -70.0)
    rssi[:, :, access_point] = BYTES.float().reshape(-1, 1)
    logits = answers(firmware, rssi)
    absent = (BYTES < FAINTEST_DBM) | (BYTES > LOUDEST_DBM)
    saturated = (BYTES >= SATURATED_DBM) & (BYTES <= LOUDEST_DBM)
    for alike, like in ((absent, NOT_HEARD_DBM), (saturated, SATURATED_DBM)):
        expected = logits[(like == BYTES).numpy()]
        np.testing.assert_array_equal(np.broadcast_to(expected, logits[alike.numpy()].shape), logits[alike.numpy()])
    assert len(np.unique(logits[(~absent & ~saturated).numpy()], axis=0)) > 1


def test_hostile_windows_stay_inside_the_proof(firmware):
    """Floods of -120 and -128, saturation, silence and any byte: reference, host C and emulated C agree on all."""
    report = firmware.check(hostile(48), emulate=16)
    assert report.mismatched_bytes == 0
    assert np.isfinite(report.float_values[0]).all()


def test_a_hostile_stream_stays_inside_the_proof(firmware):
    """The same frame by frame: a state that met any byte still equals the window's."""
    report = firmware.streaming.check(hostile(2, steps=3 * STEPS), emulate=2 * STEPS)
    assert report.mismatched_bytes == 0
