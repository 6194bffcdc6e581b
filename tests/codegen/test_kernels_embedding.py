"""The kernels of embeddings, compiled for this machine, give the bytes of their numpy twin."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_library import Kernels, bits, float_caller, kernel_files
from numpy.typing import NDArray

from smidgen.numerics.embedding import embedding

Run = Callable[..., NDArray[np.generic]]

SIGNATURE = {"embedding": "pppuuuuu", "embedding_by_f32": "pppuuuu"}

few = st.integers(1, 5)
types = st.sampled_from(["int8", "int16", "float32"])


@pytest.fixture(scope="module")
def run() -> Run:
    """The kernels as they are shipped."""
    return float_caller(Kernels(["embedding.h"], SIGNATURE))


@given(
    id_type=st.sampled_from(["int8", "int16", "int32", "float32"]), dtype=types, rows=few, width=few,
    ids=st.lists(st.integers(-128, 127) | st.integers(-2, 6), min_size=1, max_size=6),
)  # fmt: skip
def test_embedding(run: Run, id_type: str, dtype: str, rows: int, width: int, ids: list[int]) -> None:
    """Every type of ids and of table; ids beyond the table mean its ends."""
    table = np.random.default_rng(0).integers(-128, 128, (rows, width)).astype(dtype)
    given_ids = np.array(ids, id_type)
    expected = embedding(given_ids, table)
    assert_same_rows(run, given_ids, table, expected)


def test_extreme_ids(run: Run) -> None:
    """The ends of int32, and floats that no int32 holds."""
    table = np.arange(12, dtype=np.int16).reshape(4, 3)
    for ids in (
        np.array([-(2**31), 2**31 - 1, 4, -1], np.int32),
        np.array([np.nan, np.inf, -np.inf, 3e9, -3e9, 2.9, -0.5], np.float32),
    ):
        assert_same_rows(run, ids, table, embedding(ids, table))


def assert_same_rows(
    run: Run, ids: NDArray[np.generic], table: NDArray[np.generic], expected: NDArray[np.generic]
) -> None:
    """The kernel for this type of ids copies the expected rows."""
    sizes = [len(ids), *table.shape]
    if ids.dtype == np.float32:
        arguments = ["embedding_by_f32", expected.shape, ids, table, None, *sizes, table.itemsize]
    else:
        arguments = ["embedding", expected.shape, ids, table, None, *sizes, *bits(ids.dtype), table.itemsize]
    np.testing.assert_array_equal(expected, run(*arguments, dtype=str(table.dtype)))


def test_a_fault_in_embedding_is_caught() -> None:
    """A kernel that reads beyond the table by one row is told apart from its twin."""
    source, right = kernel_files()["embedding.h"], "(rows - 1U));"
    assert source.count(right) == 1
    faulty = float_caller(
        Kernels(["embedding.h"], SIGNATURE, {**kernel_files(), "embedding.h": source.replace(right, "0U);")})
    )
    table, ids = np.arange(8, dtype=np.int8).reshape(4, 2), np.array([9], np.int8)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        assert_same_rows(faulty, ids, table, embedding(ids, table))
