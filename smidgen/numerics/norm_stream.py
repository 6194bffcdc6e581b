"""Constants of a norm on rows of int8 as one stream of words in the order in which kernels/norm_rows.h reads them.

Each four channels have two words of two gains, then their biases unless one bias serves all channels. Biases are 128
steps up, so that kernels saturate results without a sign. The last channels are filled up with 0.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.norm import RESULT_BITS

LEAST_CHANNELS = 4
#: Sums of squares of so many deviations of int8 stay within 31 bits.
MOST_CHANNELS = (2**31 - 1) // 255**2

_CHANNELS = 4
_BIAS = 128 << RESULT_BITS


def one_bias(bias: NDArray[np.integer]) -> int | None:
    """Return the bias of all channels, as it stands in a stream, or None where they differ."""
    return int(bias[0]) + _BIAS if np.all(bias == bias[0]) else None


def norm_stream(gain: Integers, bias: Integers) -> NDArray[np.int32]:
    """Return the stream of gains (d,), int16, and biases (d,), int32."""
    gain, biases = (np.pad(values, (0, -len(values) % _CHANNELS)).reshape(-1, _CHANNELS) for values in (gain, bias))
    words = (gain[:, 0::2] & 0xFFFF) | (gain[:, 1::2] << 16)
    stream = words if one_bias(bias) is not None else np.concatenate([words, biases + _BIAS], axis=1)
    return stream.reshape(-1).astype(np.uint32).view(np.int32)
