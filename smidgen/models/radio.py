"""The first layer of every room classifier: raw radio units in, scaled features out, all inside the exported graph.

Shapes: b batch, t time steps, A access points, M motion channels.
The firmware receives what a BLE controller reports, int8 dBm with 127 for "not heard", so the scaling must be part of
the network: nothing has to be repeated, or may be forgotten, in hand-written code in front of it.
"""

import torch
from torch import Tensor, nn

from smidgen.rssi import FAINTEST_DBM, HEARD_DBM, SATURATED_DBM

LEVEL_UNIT_DB = 10.0
MOTION_UNIT_G = 0.5
"""One unit of a feature is a difference that matters: a wall or two, a turn of the wrist. With levels in [0, 1] instead
the same GRU learns too slowly to use them (SPHERE, inner validation: macro-F1 0.794, against 0.841 in these units)."""

WIDEST_MOTION_G = 16.0
"""The widest range of a wrist's accelerometer; what lies outside, or is no number, was not measured."""


class RadioFrontEnd(nn.Module):
    """Map signal strengths in dBm and wrist motion in g to features (b, t, 2A + M).

    Per access point: its level, [-110, -30] dBm clipped and in units of 10 dB above the faintest, 0 where it was not
    heard, and a mask that is 1 where it was heard: "faint" and "absent" are different evidence. `smidgen.rssi` says
    which bytes are levels; every other value reads "not heard". Motion follows in units of 0.5 g, 0 where it was not
    measured. So features are finite and bounded whatever the input holds.
    """

    def forward(self, rssi: Tensor, motion: Tensor | None = None) -> Tensor:
        """Return features (b, t, 2A + M).

        Args: rssi (b, t, A) float, dBm, 127 = not heard; motion (b, t, M) in g, None where there is no accelerometer.
        """
        heard = rssi.clamp(*HEARD_DBM).eq(rssi)
        level = (rssi.clamp(FAINTEST_DBM, SATURATED_DBM) - FAINTEST_DBM) * (1.0 / LEVEL_UNIT_DB)
        features = [torch.where(heard, level, 0.0), torch.where(heard, 1.0, 0.0)]
        if motion is not None:
            measured = torch.where(motion.abs().le(WIDEST_MOTION_G), motion, 0.0)
            features.append(measured * (1.0 / MOTION_UNIT_G))
        return torch.cat(features, dim=-1)
