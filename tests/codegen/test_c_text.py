"""Literals read back exactly, and names are identifiers."""

import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.codegen.c_text import (
    array_definition,
    floating,
    identifier,
    is_parameter_name,
    signed,
    signed64,
    unsigned,
)


@given(bits=st.integers(0, 2**32 - 1))
def test_float_literals_read_back_exactly(bits: int) -> None:
    """Every finite float32, subnormals and -0 included, survives the way through decimal text."""
    value = np.uint32(bits).view(np.float32)
    if not np.isfinite(value):
        with pytest.raises(ValueError, match="has no C literal"):
            floating(float(value))
        return
    text = floating(float(value))
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?f", text)
    assert "." in text or "e" in text
    assert struct.pack("f", float(text[:-1])) == struct.pack("f", value)


def test_integer_literals_stand_as_operands() -> None:
    """Negative numbers are parenthesised; the smallest int32, which has no literal, is named."""
    assert [signed(v) for v in (5, -5, -(2**31))] == ["5", "(-5)", "INT32_MIN"]
    assert [unsigned(7), signed64(-(2**40))] == ["7U", "INT64_C(-1099511627776)"]


@given(name=st.text(min_size=1))
def test_identifiers_are_legal(name: str) -> None:
    """Whatever a module is called becomes letters, digits and underscores, a letter or underscore first."""
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", identifier(name))


@pytest.mark.parametrize(
    ("name", "legal"),
    [("rssi", True), ("x_1", True), ("signed", False), ("class", False), ("ctx", False), ("i", False), ("2x", False),
     ("a.b", False), ("", False), ("_x", False), ("é", False)],
)  # fmt: skip
def test_words_with_a_meaning_cannot_be_parameters(name: str, legal: bool) -> None:
    """Keywords of C and C++ and the functions' own names are excluded."""
    assert is_parameter_name(name) is legal


@given(values=st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=60))
def test_arrays_read_back(values: list[int]) -> None:
    """Every element in order, in lines of at most 120 characters."""
    text = array_definition("a", np.array(values, np.int32))
    assert text.startswith(f"static const int32_t a[{len(values)}] = {{\n")
    assert max(map(len, text.splitlines())) <= 120
    words = text[text.index("{") + 1 : text.index("}")].replace("INT32_MIN", str(-(2**31))).split(",")
    assert [int(word) for word in words if word.strip()] == values
