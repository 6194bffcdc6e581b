"""The integers of a layer's weight beside its bias: those that fake quantisation rounds to and the firmware holds."""

import numpy as np
from numpy.typing import NDArray

from smidgen.compression.codecs import Codec, EncodedWeight
from smidgen.numerics.quantization import QParams

#: Largest bias in accumulator steps: half of what an int32 holds.
_BIAS_LIMIT = 2.0**30


def stored_weight(
    codec: Codec, weight: NDArray[np.floating], bias: NDArray[np.floating] | None, x: QParams
) -> EncodedWeight:
    """Return weight (o, ...) as a layer stores it that takes x and adds a bias (o,).

    Where the bias is far larger than what the weights add, they keep fewer levels so that it fits the accumulator.
    """
    least_scale = 0.0 if bias is None else np.abs(np.asarray(bias, np.float64)) / (x.scale * _BIAS_LIMIT)
    return codec.encode(weight, least_scale=least_scale)
