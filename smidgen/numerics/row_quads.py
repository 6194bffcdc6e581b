"""Constants of a linear layer on int16 as one stream of words, in the order in which kernels/linear_quads.h reads them.

A block of the stream has the biases of four output rows, for each four columns a word of weights of each row, then the
multipliers. A word has columns 0, 2, 1, 3 from its lowest byte on: SXTB16 takes columns 0 and 1 out of it, and with a
rotation 2 and 3, side by side as the inputs are. Columns are filled up with weights 0; the last block ends with the
last output, over part of the one before.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers

#: Fewer columns are not worth a stream.
LEAST_COLUMNS = 8

_ROWS = 4  # a block
_COLUMNS = 4  # a word
_BYTE_ORDER = [0, 2, 1, 3]


def fits_row_quads(weight: NDArray[np.integer]) -> bool:
    """True if the stream is defined for int8 weights (o, k)."""
    out_width, in_width = weight.shape
    return bool(out_width >= _ROWS and in_width >= LEAST_COLUMNS)


def scratch_bytes(in_width: int) -> int:
    """Return the memory for a row of x that is filled up and aligned."""
    return 2 * _padded(in_width)


def row_quad_stream(weight: Integers, bias: Integers, multiplier: Integers) -> NDArray[np.int32]:
    """Return the stream of a layer with weights (o, k), bias (o,) and multiplier (o,)."""
    out_width, in_width = weight.shape
    starts = np.minimum(np.arange(0, out_width, _ROWS), out_width - _ROWS)
    outputs = starts[:, None] + np.arange(_ROWS)  # (blocks, rows of a block)
    padded = np.pad(weight, ((0, 0), (0, _padded(in_width) - in_width)))[outputs]
    groups = padded.reshape(len(starts), _ROWS, -1, _COLUMNS)[..., _BYTE_ORDER].transpose(0, 2, 1, 3)
    words = np.ascontiguousarray(groups, np.int8).view(np.int32).reshape(len(starts), -1)
    return np.concatenate([bias[outputs], words, multiplier[outputs]], axis=1).reshape(-1).astype(np.int32)


def _padded(in_width: int) -> int:
    return -(-in_width // _COLUMNS) * _COLUMNS
