"""Raw radio units become features inside the network."""

import pytest
import torch

from smidgen.models import RadioFrontEnd

MOTION = torch.tensor([[[0.5, -1.0]]])


def features(dbm: float) -> list[float]:
    front_end = RadioFrontEnd()
    return front_end(torch.tensor([[[dbm]]]), MOTION).flatten().tolist()


@pytest.mark.parametrize(
    ("dbm", "level", "heard"),
    [(-110.0, 0.0, 1.0), (-30.0, 8.0, 1.0), (-70.0, 4.0, 1.0), (-128.0, 0.0, 1.0), (20.0, 8.0, 1.0), (127.0, 0.0, 0.0)],
)
def test_levels_are_clipped_scaled_and_masked(dbm, level, heard):
    """[-110, -30] dBm becomes 0 to 8 tens of dB; 127 becomes level 0 with mask 0; motion is in halves of g."""
    assert [level, heard, 1.0, -2.0] == pytest.approx(features(dbm), abs=1e-6)


def test_levels_come_before_masks_before_motion():
    """Features stand grouped, (b, t, 2A + M): a compiler may fold each group into one table."""
    rssi = torch.tensor([[[-110.0, 127.0, -30.0]]])
    expected = torch.tensor([[[0.0, 0.0, 8.0, 1.0, 0.0, 1.0, 1.0, -2.0]]])
    torch.testing.assert_close(RadioFrontEnd()(rssi, MOTION), expected)
