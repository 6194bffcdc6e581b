"""Read a CSV file so that whatever is wrong with it is reported with its file and line.

Nothing is guessed or skipped: every line of the body has exactly the columns of the header, and ends with a newline.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The text of a CSV file, by line and column."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    first_line: int  # line number in the file of rows[0]

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, row: int) -> str:
        """Return "file:line" of a row, for error messages."""
        return f"{self.path}:{self.first_line + row}"

    def text(self, column: str) -> list[str]:
        """Return one column as it is written."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]

    def numbers(self, column: str, *, may_be_empty: bool = False) -> NDArray[np.float64]:
        """Return one column (n,) as numbers; NaN where a cell is empty, which must be allowed.

        Raises DataError with the line of the first cell that is no number, or is empty where it must not be.
        """
        place = self.columns.index(column)
        values = np.empty(len(self.rows))
        for number, row in enumerate(self.rows):
            cell = row[place]
            try:
                values[number] = float(cell) if cell or not may_be_empty else np.nan
            except ValueError:
                found = f"'{cell}'" if cell else "an empty cell"
                raise DataError(
                    f"{self.at(number)}: expected a number in column {column}, found {found}. "
                    "Correct the line, or fetch the file again."
                ) from None
        return values


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked where its name ends in .gz.

    Raises DataError where it is missing, cut short, not gzip or not UTF-8.
    """
    try:
        packed = path.read_bytes()
        return (gzip.decompress(packed) if path.suffix == ".gz" else packed).decode("utf-8")
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise DataError(
                f"{path}: expected a readable file, found none ({error.strerror}). Check the path."
            ) from None
        raise DataError(f"{path}: expected gzip data ({error}). Fetch the file again.") from None
    except (EOFError, zlib.error) as error:
        raise DataError(f"{path}: the gzip data is truncated or damaged ({error}). Fetch the file again.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#04x}.") from None


def parse_table(text: str, *, path: Path, columns: Sequence[str], first_line: int = 1) -> Table:
    """Return the table in `text`, whose first line must name exactly `columns`; lines count from `first_line`.

    Raises DataError for another header, a line with more or fewer cells, no line at all, or a last line without its
    newline, which means that the file was cut.
    """
    lines = list(csv.reader(text.removesuffix("\n").split("\n") if text else []))
    header = tuple(lines[0]) if lines else ()
    if header != tuple(columns):
        raise DataError(
            f"{path}:{first_line}: expected the columns {','.join(columns)}; found {','.join(header) or 'none'}. "
            f"{_difference(columns, header)}"
        )
    last_line = first_line + len(lines) - 1
    rows = tuple(map(tuple, lines[1:]))
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            line = first_line + 1 + number
            hint = "The file is truncated: fetch it again." if line == last_line else "Correct the line."
            raise DataError(f"{path}:{line}: expected {len(columns)} cells, found {len(row)}. {hint}")
    if not rows:
        raise DataError(f"{path}:{last_line}: expected at least one line after the header, found none.")
    if not text.endswith("\n"):
        raise DataError(
            f"{path}:{last_line}: expected a newline after the last line, found the end of the file. "
            "The file is truncated: fetch it again."
        )
    return Table(path=path, columns=header, rows=rows, first_line=first_line + 1)


def read_table(path: Path, *, columns: Sequence[str]) -> Table:
    """Return the table in a file, `.csv` or `.csv.gz`; see `read_text` and `parse_table`."""
    return parse_table(read_text(path), path=path, columns=columns)


def _difference(expected: Sequence[str], found: Sequence[str]) -> str:
    """Say in one sentence how a header differs."""
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    if missing or extra:
        return f"Missing: {', '.join(missing) or 'none'}; unknown: {', '.join(extra) or 'none'}."
    return "The order differs, or a column is repeated."
