"""Constants of a linear layer of 4-bit codes as one stream of words, in the order of kernels/linear_nibbles.h.

A block of the stream has the biases of four output rows a..d, two words for each four columns, then the multipliers. A
word has the codes of two columns, 0 and 2 or 1 and 3 for int8 inputs, 0 and 1 or 2 and 3 for int16: side by side as the
kernel has the inputs.

Integers (-7..7): each half of a word is a column, `u_a + 16 u_b + 256 u_c + 4096 w_d` with u = w + 8. Its products with
x sum to all four rows at once, those of single digits to one row, and what is left over is that of row d, exact modulo
2**32 as long as |sum w_d x| < 2**19. Sums over int16 would not fit: there row d is stored as the others, and every row
is taken out alone. Palettes: each byte is a row, the place in the palette for the first column in its low half, for the
second in its high half, which together number a pair of levels in the table of `level_pairs`.

Columns are filled up with weights 0, or any level, as the inputs there are 0; the last block ends with the last output,
over part of the one before.
"""

import numpy as np
from numpy.typing import NDArray

from smidgen.numerics.fixed_point import Integers
from smidgen.numerics.nibbles import LEVELS

#: Fewer columns are not worth a stream.
LEAST_COLUMNS = 16

#: A word for each byte of two places in a palette.
PAIR_TABLE_BYTES = 4 * LEVELS**2

_ROWS = 4  # a block
_COLUMNS = 4  # a group
_X_MAX = 128  # of |x| in int8
_TOP_DIGIT_LIMIT = 2**19
_DIGIT_SUM_LIMIT = 2**23  # of sum u_c x, which stands 8 bits up
_LARGEST_DIGIT = 15
_COLUMN_ORDER = {"int8": [0, 2, 1, 3], "int16": [0, 1, 2, 3]}


def has_blocks(out_width: int, in_width: int) -> bool:
    """True if a layer is large enough for the stream."""
    return out_width >= _ROWS and in_width >= LEAST_COLUMNS


def fits_nibble_blocks(weight: Integers, x_dtype: str, *, is_palette: bool) -> bool:
    """True if the stream is defined for weights (o, k), and each sum over it is proved to fit."""
    out_width, in_width = weight.shape
    if not has_blocks(out_width, in_width):
        return False
    if is_palette or x_dtype == "int16":
        return True
    top_digit = int(np.abs(weight).sum(axis=1).max()) * _X_MAX
    return top_digit < _TOP_DIGIT_LIMIT and _LARGEST_DIGIT * _X_MAX * in_width < _DIGIT_SUM_LIMIT


def scratch_bytes(in_width: int, rows: int, x_dtype: str, *, is_palette: bool) -> int:
    """Return the memory for a row of x in int16, filled up and aligned, or for two that share levels."""
    return 2 * _padded(in_width) * (2 if is_palette and x_dtype == "int8" and rows > 1 else 1)


def nibble_stream(
    codes: Integers, bias: Integers, multiplier: Integers, x_dtype: str, *, is_palette: bool
) -> NDArray[np.int32]:
    """Return the stream of a layer with codes (o, k) of 0..15, bias (o,) and multiplier (o,)."""
    out_width, in_width = codes.shape
    starts = np.minimum(np.arange(0, out_width, _ROWS), out_width - _ROWS)
    outputs = starts[:, None] + np.arange(_ROWS)  # (blocks, rows of a block)
    padded = np.pad(codes, ((0, 0), (0, _padded(in_width) - in_width)))[outputs]
    groups = padded.reshape(len(starts), _ROWS, -1, _COLUMNS)[..., _COLUMN_ORDER[x_dtype]]
    pairs = groups.reshape(len(starts), _ROWS, -1, 2)  # (blocks, rows, words, columns)
    row, column = np.arange(_ROWS)[:, None, None], np.arange(2)
    if is_palette:
        words = (pairs << (8 * row + 4 * column)).sum(axis=(1, 3))
    else:
        digits = pairs ^ 8  # two's complement to w + 8
        if x_dtype == "int8":
            digits[:, -1] ^= 8
        words = (digits << (4 * row + 16 * column)).sum(axis=(1, 3))
    stream = np.concatenate([bias[outputs], words, multiplier[outputs]], axis=1)
    return stream.reshape(-1).astype(np.uint32).view(np.int32)


def level_pairs(levels: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return a word (256,) for each byte of two places in a palette (16,): the two levels as halves."""
    low, high = levels.astype(np.int64)[np.arange(LEVELS**2) % LEVELS], levels.astype(np.int64).repeat(LEVELS)
    return ((low & 0xFFFF) | (high << 16)).astype(np.int32)


def _padded(in_width: int) -> int:
    return -(-in_width // _COLUMNS) * _COLUMNS
