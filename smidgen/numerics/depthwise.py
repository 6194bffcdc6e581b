"""Constants of a depthwise convolution as one stream of words, in the order in which kernels/depthwise.h reads them.

A block of the stream has the biases of four channels, for each tap their weights as int16 in two words, then the
multipliers. Words hold channels (0, 2) and (1, 3) for inputs of int8, as SXTB16 widens them, (0, 1) and (2, 3) for
int16. The last block ends with the last channel, over part of the one before.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers

CHANNELS = 4  # a block; fewer have no stream

_IN_WORDS = {"int8": [0, 2, 1, 3], "int16": [0, 1, 2, 3]}


def scratch_bytes(channels: int, taps: int, x_type: str) -> int:
    """Return the memory for where the taps of one output read, and for a frame of padding."""
    return 4 * taps + channels * (2 if x_type == "int16" else 1)


def depthwise_stream(weight: Integers, bias: Integers, multiplier: Integers, x_type: str) -> NDArray[np.int32]:
    """Return the stream of weights (channels, taps), bias (channels,) and multiplier (channels,)."""
    starts = np.minimum(np.arange(0, len(weight), CHANNELS), len(weight) - CHANNELS)
    channels = starts[:, None] + np.arange(CHANNELS)  # (blocks, channels of a block)
    taps = weight[channels[:, _IN_WORDS[x_type]]].transpose(0, 2, 1)  # (blocks, taps, 4)
    words = np.ascontiguousarray(taps, np.int16).view(np.int32).reshape(len(starts), -1)
    return np.concatenate([bias[channels], words, multiplier[channels]], axis=1).reshape(-1).astype(np.int32)
