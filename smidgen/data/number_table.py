"""Read large tables that hold nothing but numbers, fast; what is wrong is reported by line as `csv_table` does."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import DataError


def parse_numbers(
    text: str, *, path: Path | str, columns: Sequence[str], header: bool = True, delimiter: str = ","
) -> NDArray[np.float64]:
    """Return the table (rows, columns) in `text`, every cell a finite number.

    Args: path, where the text stands, for messages; columns, the names, which a header must repeat in order, spaces
    around them aside.
    Raises DataError for another header, a line with more or fewer cells, a cell that is no finite number, no line at
    all, or a last line without its newline, which means that the file was cut.
    """
    first_line = 1
    if header:
        head, _, text = text.partition("\n")
        first_line = 2
        _check_header([cell.strip() for cell in head.split(delimiter)], columns, path)
    if not text.strip():
        raise DataError(f"{path}:{first_line}: expected at least one line of numbers, found none. Fetch it again.")
    try:
        values = np.loadtxt(io.StringIO(text), delimiter=delimiter, ndmin=2, comments=None)
        whole = values.shape == (text.count("\n"), len(columns)) and bool(np.isfinite(values).all())
    except ValueError:
        whole = False
    if not whole or not text.endswith("\n"):
        raise DataError(f"{path}:{_first_fault(text, columns, delimiter, first_line)}")
    return values


def _check_header(found: Sequence[str], expected: Sequence[str], path: Path | str) -> None:
    if list(found) == list(expected):
        return
    if len(found) != len(expected):
        raise DataError(
            f"{path}:1: expected {len(expected)} columns from {expected[0]} to {expected[-1]}, found {len(found)}. "
            "This is another file, or another edition of the data set."
        )
    place = next(i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != b)
    raise DataError(f"{path}:1: expected column {place + 1} to be {expected[place]}, found {found[place]!r}.")


def _first_fault(text: str, columns: Sequence[str], delimiter: str, first_line: int) -> str:
    """Return "line: what was expected, found, and what to do" of the first thing that is wrong."""
    lines = text.removesuffix("\n").split("\n")
    for line, cells in enumerate((line.split(delimiter) for line in lines), start=first_line):
        if len(cells) != len(columns):
            return f"{line}: expected {len(columns)} cells, found {len(cells)}. The file is damaged: fetch it again."
        for column, cell in zip(columns, cells, strict=True):
            if not _is_finite(cell):
                return (
                    f"{line}: expected a number in column {column}, found {cell.strip()!r}. Correct the line, or fetch "
                    "the file again."
                )
    return (
        f"{first_line + len(lines) - 1}: expected a newline after the last line, found the end of the file. The file "
        "is truncated: fetch it again."
    )


def _is_finite(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
