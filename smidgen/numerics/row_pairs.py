"""Constants of a linear layer on int8 as one stream of words in the order in which kernels/linear_pairs.h reads them.

The weights of two output rows r, s share an int16, `w_r + 256 * w_s`: their products with x sum to acc_r + 256 * acc_s,
those of its low byte to acc_r, and the difference gives acc_s as long as |acc_s| < 2**23. A block of the stream has the
biases of its low rows, the pairs of each four columns as two words, (0, 2) and (1, 3), then the biases of its high rows
and all its multipliers. For one row of x a block has two pairs, their words in turn; for several rows it has one pair.
Columns are filled up with weights 0; the last block ends with the last output, over part of the one before.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers

#: Fewer columns are not worth a stream, and the kernels unroll over this many and more.
LEAST_COLUMNS = 16

_COLUMNS = 4  # a group
_X_MAX = 128  # of |x|
_HIGH_ROW_LIMIT = 2**23


def pairs_in_block(rows: int) -> int:
    """Return how many pairs of outputs a block has, for so many rows of x."""
    return 2 if rows == 1 else 1


def fits_row_pairs(weight: NDArray[np.integer], rows: int) -> bool:
    """True if the stream is defined for int8 weights (o, k), and each output's sum is proved to fit the high half."""
    out_width, in_width = weight.shape
    if in_width < LEAST_COLUMNS or out_width < 2 * pairs_in_block(rows):
        return False
    return int(np.abs(weight.astype(np.int64)).sum(axis=1).max()) * _X_MAX < _HIGH_ROW_LIMIT


def scratch_bytes(in_width: int, rows: int) -> int:
    """Return the memory for the rows of x that are widened to int16 at one time."""
    return 2 * _padded(in_width) * (1 if rows == 1 else 2)


def row_pair_stream(weight: Integers, bias: Integers, multiplier: Integers, rows: int) -> NDArray[np.int32]:
    """Return the stream of a layer with weights (o, k), bias (o,) and multiplier (o,) for so many rows of x."""
    block = 2 * pairs_in_block(rows)
    out_width, in_width = weight.shape
    starts = np.minimum(np.arange(0, out_width, block), out_width - block)
    outputs = starts[:, None] + np.arange(block)  # (blocks, outputs of a block)
    padded = np.pad(weight, ((0, 0), (0, _padded(in_width) - in_width)))[outputs]
    pairs = padded[:, 0::2] + 256 * padded[:, 1::2]  # (blocks, pairs, k)
    groups = pairs.reshape(*pairs.shape[:2], -1, _COLUMNS)
    words = (groups[..., :2] & 0xFFFF) | (groups[..., 2:] << 16)  # (blocks, pairs, groups, 2)
    in_turn = words.transpose(0, 2, 1, 3).reshape(len(starts), -1)
    biases = bias[outputs]
    stream = np.concatenate([biases[:, 0::2], in_turn, biases[:, 1::2], multiplier[outputs]], axis=1)
    return stream.reshape(-1).astype(np.uint32).view(np.int32)


def _padded(in_width: int) -> int:
    return -(-in_width // _COLUMNS) * _COLUMNS
