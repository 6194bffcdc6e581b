import pytest

from smidgen.data.number_table import parse_numbers
from smidgen.errors import DataError

COLUMNS = ("t", "level")


def test_numbers_read_exactly():
    """With and without header, other delimiters, spaces around cells, line ends of either kind."""
    expected = [[0.1, -70.0], [0.2, 1e-3]]
    assert parse_numbers("t, level\r\n0.1,-70\r\n0.2, 1e-3\r\n", path="a", columns=COLUMNS).tolist() == expected
    bare = parse_numbers("0.1\t-70\n0.2\t0.001\n", path="a", columns=COLUMNS, header=False, delimiter="\t")
    assert bare.tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,rssi\n1,2\n", "a:1: expected column 2 to be level, found 'rssi'"),
        ("t\n1\n", "a:1: expected 2 columns from t to level, found 1"),
        ("t,level\n", "a:2: expected at least one line of numbers, found none"),
        ("t,level\n1,2\n1\n3,4\n", "a:3: expected 2 cells, found 1"),
        ("t,level\n1,2\n1,2,3\n", "a:3: expected 2 cells, found 3"),
        ("t,level\n1,2,3\n1,2,3\n", "a:2: expected 2 cells, found 3"),
        ("t,level\n1,2\n\n3,4\n", "a:3: expected 2 cells, found 1"),
        ("t,level\n1,2\n3,oops\n", "a:3: expected a number in column level, found 'oops'"),
        ("t,level\n1,nan\n", "a:2: expected a number in column level, found 'nan'"),
        ("t,level\n1,\n", "a:2: expected a number in column level, found ''"),
        ("t,level\n1,2\n3,4", "a:3: expected a newline after the last line"),
    ],
)
def test_a_malformed_table_is_refused_by_line(text, message):
    """Each fault is told with its line, as the slow reader does."""
    with pytest.raises(DataError, match=message):
        parse_numbers(text, path="a", columns=COLUMNS)
