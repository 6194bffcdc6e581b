"""JSON values become dataclasses by their annotations, or an error that names the first value that does not fit."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import DataError
from smidgen.typed_json import from_json


@dataclass(frozen=True, kw_only=True)
class Part:
    name: str
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise DataError(f"size must not be negative, got {self.size}")


@dataclass(frozen=True, kw_only=True)
class Whole:
    share: float
    parts: tuple[Part, ...]
    interval: tuple[float, float] | None = None
    notes: Mapping[str, str]
    final: bool = False


PARTS = st.builds(Part, name=st.text(), size=st.integers(0))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
WHOLES = st.builds(
    Whole,
    share=NUMBERS,
    parts=st.lists(PARTS).map(tuple),
    interval=st.none() | st.tuples(NUMBERS, NUMBERS),
    notes=st.dictionaries(st.text(), st.text()),
    final=st.booleans(),
)


@given(whole=WHOLES)
def test_what_json_wrote_reads_back_equal(whole):
    """Every value of such a dataclass survives JSON."""
    assert whole == from_json(Whole, json.loads(json.dumps(asdict(whole))), "whole")


def good():
    return {"share": 1, "parts": [{"name": "a", "size": 3}], "notes": {}}


def test_defaults_stand_in_and_other_keys_are_left_alone():
    """An absent field takes its default; a key of another reader does no harm."""
    assert Whole(share=1.0, parts=(Part(name="a", size=3),), notes={}) == from_json(Whole, {**good(), "x": 1}, "w")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"share": "much"}, "w.share: expected a finite number, found 'much'"),
        ({"share": True}, "w.share: expected a finite number, found True"),
        ({"share": math.nan}, "w.share: expected a finite number, found nan"),
        ({"parts": {}}, "w.parts: expected a list, found {}"),
        ({"parts": [7]}, "w.parts[0]: expected an object, found 7"),
        ({"parts": [{"name": "a", "size": 1.5}]}, "w.parts[0].size: expected a whole number, found 1.5"),
        ({"parts": [{"name": "a", "size": False}]}, "w.parts[0].size: expected a whole number, found False"),
        ({"parts": [{"name": None, "size": 1}]}, "w.parts[0].name: expected text, found None"),
        ({"parts": [{"name": "a"}]}, "w.parts[0] has no 'size'; it has name"),
        ({"parts": [{}]}, "w.parts[0] has no 'name'; it has nothing"),
        ({"parts": [{"name": "a", "size": -1}]}, "w.parts[0]: size must not be negative, got -1"),
        ({"interval": [1.0]}, "w.interval: expected a list of 2, found [1.0]"),
        ({"notes": []}, "w.notes: expected an object, found []"),
        ({"notes": {"a": 1}}, "w.notes.a: expected text, found 1"),
        ({"final": 1}, "w.final: expected true or false, found 1"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change, message):
    """The message has the path, what was expected and what was found."""
    with pytest.raises(DataError) as raised:
        from_json(Whole, {**good(), **change}, "w")
    assert message == str(raised.value)


def test_an_exact_reader_refuses_keys_that_are_not_fields():
    """In every object of the document, with the nearest field."""
    assert from_json(Whole, good(), "w", exact=True) == from_json(Whole, good(), "w")
    with pytest.raises(DataError, match=r"^w has no field 'shares'; did you mean 'share'\?$"):
        from_json(Whole, {**good(), "shares": 1}, "w", exact=True)
    with pytest.raises(DataError, match=r"^w\.parts\[0\] has no field 'x'; choose from name, size$"):
        from_json(Whole, {**good(), "parts": [{"name": "a", "size": 3, "x": 1}]}, "w", exact=True)


def test_a_long_value_is_shortened_in_the_message():
    """A message stays readable when the value found is not."""
    with pytest.raises(DataError, match=r"^w.share: expected a finite number, found 'x{56}\.\.\.$"):
        from_json(Whole, {**good(), "share": "x" * 1000}, "w")
