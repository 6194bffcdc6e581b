"""Rows of a table by their number. Twin of kernels/embedding.h."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def embedding(ids: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    """Return table rows (..., d) for ids (...) of any type, fractions cut off.

    An id below 0, and one that is no number, means row 0; one beyond the table its last row.
    """
    inside = np.where(ids > 0, np.minimum(ids, len(table) - 1), 0)
    return np.asarray(table[inside.astype(np.int64)])
