import pytest
from recordings import make_recording

from smidgen.data import leave_one_out, validation_split
from smidgen.errors import ConfigError, DataError

ITEMS = [
    make_recording([0.1], name=f"{home}/{number}", home=home, subject=subject)
    for number, (home, subject) in enumerate([("a", "x"), ("a", "y"), ("a", "x"), ("b", "x"), ("b", "z")])
]


@pytest.mark.parametrize(("by", "groups"), [("recording", 5), ("subject", 4), ("home", 2)])
def test_leave_one_out_tests_everything_once_and_never_trains_on_it(by, groups):
    """Over the folds each recording is tested once; what is held out is in no training side of its fold."""
    splits = list(leave_one_out(ITEMS, by=by))
    assert len(splits) == groups
    assert sorted(item.name for split in splits for item in split.test) == sorted(item.name for item in ITEMS)
    for split in splits:
        assert len(split.train) + len(split.test) == len(ITEMS)
        keys = [
            {(i.home, i.subject) if by == "subject" else getattr(i, {"recording": "name"}.get(by, by)) for i in side}
            for side in (split.train, split.test)
        ]
        assert not keys[0] & keys[1]


def test_people_of_the_same_name_in_two_homes_are_two_people():
    """Subjects are told apart within their home."""
    names = [split.name for split in leave_one_out(ITEMS, by="subject")]
    assert names == ["a/x", "a/y", "b/x", "b/z"]


def test_validation_split_follows_its_seed():
    """The same seed holds out the same recording; over seeds each is held out sometimes."""
    held_out = [validation_split(ITEMS, seed=seed).test[0].name for seed in range(40)]
    assert held_out == [validation_split(ITEMS, seed=seed).test[0].name for seed in range(40)]
    assert set(held_out) == {item.name for item in ITEMS}


def test_one_group_cannot_be_parted():
    """Holding out the only home is refused, with what to do."""
    with pytest.raises(DataError, match="cannot hold one home out: 3 recordings come from 1 home"):
        list(leave_one_out(ITEMS[:3], by="home"))


def test_an_unknown_unit_is_refused():
    """Splits go by recording, subject or home, never by window."""
    with pytest.raises(ConfigError, match="a split goes by recording, subject, home; got 'window'"):
        validation_split(ITEMS, seed=0, by="window")
