"""Numbers are written so that rounding never flatters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.report.formatting import hundredths, kilobytes, number_word, percent, score, score_with_spread, signed


@given(value=st.floats(0, 1) | st.floats(0.9999, 1))
def test_only_the_whole_is_written_as_one_hundred(value):
    """Less than everything never rounds up to 100.00, and no other value is off by more than rounding."""
    assert (value == 1) == (hundredths(value) == "100.00")
    assert abs(100 * value - float(hundredths(value))) <= 0.01


@given(value=st.integers(0, 1 << 20))
def test_kilobytes_are_of_1024_bytes(value):
    """The number written is within rounding of the bytes, and whole kilobytes are exact."""
    number, unit = kilobytes(value).split()
    assert unit == "KB"
    assert abs(value - float(number) * 1024) <= (0 if value % 1024 == 0 else 0.05 * 1024 + 1e-6)


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("0.811", score(0.8106)),
        ("–", score(None)),
        ("0.811±0.010", score_with_spread(0.8106, 0.0101, 3)),
        ("0.811", score_with_spread(0.8106, 0.0101, 1)),
        ("0.811", score_with_spread(0.8106, None, 3)),
        ("99.61 %", percent(0.9961)),
        ("+0.001", signed(0.0012)),
        ("−0.004", signed(-0.0041)),
        ("0.000", signed(-0.0001)),
        ("Six", number_word(6)),
        ("13", number_word(13)),
    ],
)
def test_numbers_as_written(expected, actual):
    """One example of each form."""
    assert expected == actual
