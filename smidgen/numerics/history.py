"""What a step reads of the frames before it. Twin of kernels/history.h and kernels/frame_cache.h."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def history(x: Array, ring: Array, following: Array, *, axis: int, dilation: int) -> Array:
    """Return the frames `dilation` apart that end with the one that comes now, oldest first, along `axis`.

    Args: x, the frame, of size 1 along `axis`; ring (B, frames, *shape of x without batch), the frames before it;
    following (B, 1), which of them is the oldest. x takes its place there, and the next is the oldest.
    """
    slot, span = int(following[0, 0]), ring.shape[1]
    taps = [ring[:, (slot + distance) % span] for distance in range(0, span, dilation)]
    y = np.concatenate([*taps, x], axis=axis)
    ring[:, slot] = x
    following[:] = (slot + 1) % span
    return y


def cache_frame(cache: Array, frame: Array) -> None:
    """Put frame (B, 1, ...) behind those of cache (B, frames, ...); the oldest makes room."""
    cache[:, :-1] = cache[:, 1:].copy()
    cache[:, -1:] = frame


def stored_row(table: Array, following: Array, *, axis: int) -> Array:
    """Return the row along `axis` of table (B, ...) whose turn it is, with that axis of size 1.

    Args: following (B, 1), which row; left one further.
    """
    row = int(following[0, 0])
    following[:] = row + 1
    return table.take(range(row, row + 1), axis=axis)
