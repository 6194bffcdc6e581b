"""Rows of a table by their number: every id has one."""

import numpy as np
import pytest

from smidgen.numerics.embedding import embedding

TABLE = np.arange(8).reshape(4, 2)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])
def test_ids_beyond_the_table_mean_its_ends(dtype: str) -> None:
    """Below 0 the first row, beyond the end the last, for ids of every type and shape."""
    ids = np.array([[0, 3, 1], [-1, 4, 100], [-128, 127, 2]], dtype)
    np.testing.assert_array_equal(TABLE[[[0, 3, 1], [0, 3, 3], [0, 3, 2]]], embedding(ids, TABLE))


def test_ids_that_are_no_numbers_mean_row_0() -> None:
    """NaN is below everything; infinities lie beyond the ends; fractions are cut off."""
    ids = np.array([np.nan, np.inf, -np.inf, 2.9, 0.5, 1e30], np.float32)
    np.testing.assert_array_equal(TABLE[[0, 3, 0, 2, 0, 3]], embedding(ids, TABLE))
