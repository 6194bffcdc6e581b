import numpy as np
import pytest
from labelled_examples import make_examples

from smidgen.data import NOT_HEARD_DBM
from smidgen.errors import ConfigError, DataError


def test_selection_keeps_everything_of_each_example():
    """Indices, masks and tags choose the same rows of values, labels, groups, tags and positions."""
    examples = make_examples(position_m=np.arange(8, dtype=np.float32).reshape(4, 2))
    for chosen in (examples[np.array([1, 3])], examples[np.arange(4) % 2 == 1], examples.where(phone="1")):
        assert [steps[0, 0] for steps in chosen.values] == [-51, -53]
        assert (chosen.label.tolist(), chosen.group.tolist()) == ([0, 1], ["1", "3"])
        assert chosen.tag("phone").tolist() == ["1", "1"]
        assert chosen.position_m.tolist() == [[2, 3], [6, 7]]


def test_levels_become_the_codes_that_the_firmware_receives():
    """Whole dBm as int8, NOT_HEARD_DBM for what was not heard."""
    codes = make_examples().rssi_codes()
    assert (codes.dtype, codes.shape) == (np.int8, (4, 1, 2))
    assert codes[2].tolist() == [[-52, NOT_HEARD_DBM]]


def test_what_is_no_level_is_no_code():
    """Rescaled values have lost their dBm."""
    with pytest.raises(DataError, match="test holds values in furlongs, not levels of radios in dBm"):
        make_examples(unit="furlongs", values=[np.ones((1, 2), np.float32)] * 4).rssi_codes()


def test_different_lengths_are_no_array():
    """Sequences that differ in length are told, not padded in silence."""
    values = [np.full((n, 2), -50, np.float32) for n in (3, 4, 9, 5)]
    with pytest.raises(DataError, match="examples have 3 to 9 steps"):
        make_examples(values=values).stacked()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"group": np.array(["a"])}, "4 examples, but 1 entries of group"),
        ({"tags": {"phone": np.array(["1"])}}, "4 examples, but 1 entries of phone"),
        ({"position_m": np.zeros((3, 2))}, "4 examples, but 3 entries of position_m"),
        ({"label": np.array([0, 0, 1, 2])}, r"labels run from 0 to 2; there are classes 0\.\.1"),
        (
            {"values": [np.zeros((1, 2))] * 3 + [np.zeros((1, 3))]},
            r"example 3 must have shape \(T, F\) .* got \(1, 3\)",
        ),
        ({"values": [np.zeros((1, 2))] * 3 + [np.full((1, 2), 127.0)]}, "example 3 holds 127 for a"),
        ({"unit": "m/s2"}, "expected a finite number; example 0 holds nan for b"),
    ],
)
def test_parts_that_contradict_each_other_make_no_examples(changes, message):
    """Each is refused at birth with what and where."""
    with pytest.raises(DataError, match=message):
        make_examples(**changes)


def test_unknown_tags_and_values_are_answered_with_the_nearest():
    """A mistyped selection is an error, never an empty set."""
    with pytest.raises(ConfigError, match="no tag 'fone'; did you mean 'phone'"):
        make_examples().where(fone="1")
    with pytest.raises(ConfigError, match="no example has phone '7'; choose from 0, 1"):
        make_examples().where(phone="7")
    with pytest.raises(DataError, match="no example is left"):
        make_examples()[np.zeros(4, dtype=bool)]
