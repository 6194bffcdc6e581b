import gzip

import numpy as np
import pytest

from smidgen.data.csv_table import read_table
from smidgen.errors import DataError

COLUMNS = ("t", "level")
GOOD = "t,level\n0.1,-70\n0.2,\n0.3,-72.5\n"


def test_cells_keep_their_lines(tmp_path):
    """Numbers read exactly, empty cells read as NaN where they may be empty, and rows know their line."""
    path = tmp_path / "a.csv"
    path.write_text(GOOD)
    table = read_table(path, columns=COLUMNS)
    assert table.numbers("t").tolist() == [0.1, 0.2, 0.3]
    np.testing.assert_array_equal([-70, np.nan, -72.5], table.numbers("level", may_be_empty=True))
    assert (len(table), table.text("level"), table.at(1)) == (3, ["-70", "", "-72.5"], f"{path}:3")


def test_gzip_reads_like_plain_text(tmp_path):
    """A name that ends in .gz is unpacked."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_table(path, columns=COLUMNS).numbers("t").tolist() == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.csv:1: expected the columns t,level; found none. Missing: t, level"),
        ("t,rssi\n1,2\n", r"a\.csv:1: .* found t,rssi. Missing: level; unknown: rssi."),
        ("level,t\n1,2\n", r"a\.csv:1: .* The order differs"),
        ("t,level\n", r"a\.csv:1: expected at least one line after the header, found none"),
        ("t,level\n1,2\n1\n3,4\n", r"a\.csv:3: expected 2 cells, found 1. Correct the line"),
        ("t,level\n1,2\n1,2,3\n3,4\n", r"a\.csv:3: expected 2 cells, found 3. Correct the line"),
        ("t,level\n1,2\n\n3,4\n", r"a\.csv:3: expected 2 cells, found 0. Correct the line"),
        ("t,level\n1,2\n3", r"a\.csv:3: expected 2 cells, found 1. The file is truncated"),
        ("t,level\n1,2\n3,4", r"a\.csv:3: expected a newline after the last line, found the end of the file. The file"),
    ],
)
def test_a_malformed_table_is_refused_by_line(tmp_path, text, message):
    """Wrong columns, a ragged line, an empty table and a cut file are each told with the line."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path, columns=COLUMNS)


@pytest.mark.parametrize(("cell", "found"), [("x", "'x'"), ("", "an empty cell"), ("1.2.3", "'1.2.3'")])
def test_a_cell_that_is_no_number_is_refused_by_line(tmp_path, cell, found):
    """The message has line, column and what stands there."""
    path = tmp_path / "a.csv"
    path.write_text(f"t,level\n1,2\n{cell},4\n")
    with pytest.raises(DataError, match=rf"a\.csv:3: expected a number in column t, found {found}"):
        read_table(path, columns=COLUMNS).numbers("t")


def test_files_that_cannot_be_read_say_why(tmp_path):
    """A missing file, cut gzip data, something else under a .gz name, and bytes that are no text."""
    packed = gzip.compress(GOOD.encode() * 100)
    for content, message in [
        (None, "expected a readable file, found none"),
        (packed[:40], "the gzip data is truncated or damaged"),
        (packed[:30] + bytes(20) + packed[50:], "the gzip data is truncated or damaged|expected gzip data"),
        (GOOD.encode(), "expected gzip data"),
        (gzip.compress(b"t,level\n\xff\n"), "expected UTF-8 text, found byte 0xff"),
    ]:
        path = tmp_path / "a.csv.gz"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_table(path, columns=COLUMNS)
