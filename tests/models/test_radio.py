"""Raw radio units become features inside the network."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smidgen.models import RadioFrontEnd
from smidgen.rssi import FAINTEST_DBM, LOUDEST_DBM, SATURATED_DBM

MOTION = torch.tensor([[[0.5, -1.0]]])
BYTES = torch.arange(-128.0, 128.0)
HEARD = (BYTES >= FAINTEST_DBM) & (BYTES <= LOUDEST_DBM)


def features(dbm: float) -> list[float]:
    front_end = RadioFrontEnd()
    return front_end(torch.tensor([[[dbm]]]), MOTION).flatten().tolist()


@pytest.mark.parametrize(
    ("dbm", "level", "heard"),
    [(-110.0, 0.0, 1.0), (-30.0, 8.0, 1.0), (-70.0, 4.0, 1.0), (-1.0, 8.0, 1.0), (20.0, 8.0, 1.0)]
    + [(code, 0.0, 0.0) for code in (127.0, 21.0, -111.0, -120.0, -127.0, -128.0)],
)
def test_levels_are_clipped_scaled_and_masked(dbm, level, heard):
    """[-110, -30] dBm becomes 0 to 8 tens of dB; other stacks' codes for "not heard" read as 127 does."""
    assert [level, heard, 1.0, -2.0] == pytest.approx(features(dbm), abs=1e-6)


def test_a_louder_byte_never_gives_a_lower_level():
    """Over every byte that is a level, features rise with it; over every other byte, they are those of 127."""
    level, mask = RadioFrontEnd()(BYTES.reshape(1, -1, 1), torch.zeros(1, 256, 0)).unbind(-1)
    assert bool((level[0, HEARD].diff() >= 0).all())
    assert HEARD.tolist() == mask[0].bool().tolist()
    assert bool((level[0, ~HEARD] == 0).all())
    assert float(level[0, BYTES == SATURATED_DBM]) == float(level.max())


@given(
    rssi=st.floats(width=32, allow_nan=True, allow_infinity=True),
    motion=st.floats(width=32, allow_nan=True, allow_infinity=True),
)
def test_features_are_finite_and_bounded_whatever_comes_in(rssi, motion):
    """No float32, infinities and not-a-number included, leaves [0, 8], {0, 1} and +-32 units of motion."""
    level, mask, moved = RadioFrontEnd()(torch.tensor([[[rssi]]]), torch.tensor([[[motion]]])).flatten().tolist()
    assert 0.0 <= level <= 8.0
    assert mask in (0.0, 1.0)
    assert -32.0 <= moved <= 32.0


def test_levels_come_before_masks_before_motion():
    """Features stand grouped, (b, t, 2A + M): a compiler may fold each group into one table."""
    rssi = torch.tensor([[[-110.0, 127.0, -30.0]]])
    expected = torch.tensor([[[0.0, 0.0, 8.0, 1.0, 0.0, 1.0, 1.0, -2.0]]])
    torch.testing.assert_close(RadioFrontEnd()(rssi, MOTION), expected)


def test_without_an_accelerometer_levels_and_masks_are_all():
    """No motion given is no motion channel: the features are those in front of it."""
    rssi, motion = torch.tensor([[[-60.0, 127.0]]]), torch.ones(1, 1, 3)
    front_end = RadioFrontEnd()
    torch.testing.assert_close(front_end(rssi), front_end(rssi, motion)[..., :4], rtol=0, atol=0)
