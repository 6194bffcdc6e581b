import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from labelled_examples import make_examples

from smidgen.data.protocols import ContiguousFolds, GroupedFolds, LeaveOneOut, StratifiedFolds, Transfer
from smidgen.errors import ConfigError, DataError

labels = st.lists(st.integers(0, 1), min_size=40, max_size=60).filter(lambda label: 10 < sum(label) < 30)


@given(labels, st.integers(2, 5), st.integers(0, 3))
def test_folds_test_each_example_once(label, n, seed):
    """Contiguous, grouped and stratified folds: the test sides part the examples, training is all the rest."""
    examples = make_examples(tuple(label))
    for protocol in (ContiguousFolds(n=n), GroupedFolds(n=n, seed=seed), StratifiedFolds(n=n, seed=seed)):
        folds = list(protocol.folds(examples))
        assert len(folds) == n
        assert sorted(i for fold in folds for i in fold.test) == list(range(len(label)))
        assert all(sorted([*fold.train, *fold.test]) == list(range(len(label))) for fold in folds)


@given(labels, st.integers(2, 5))
def test_contiguous_folds_keep_neighbours_together(label, n):
    """Within a class, what one fold tests is one run of the file."""
    examples = make_examples(tuple(label))
    for fold in ContiguousFolds(n=n).folds(examples):
        for value in (0, 1):
            rows = np.flatnonzero(examples.label == value)
            tested = np.flatnonzero(np.isin(rows, fold.test))
            assert (np.diff(tested) == 1).all()


@given(labels, st.integers(2, 5), st.integers(0, 3))
def test_stratified_folds_share_each_class_evenly(label, n, seed):
    """Folds differ by at most one example of each class."""
    examples = make_examples(tuple(label))
    for value in (0, 1):
        sizes = [(examples.label[f.test] == value).sum() for f in StratifiedFolds(n=n, seed=seed).folds(examples)]
        assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(0, 9), min_size=30, max_size=40).filter(lambda g: len(set(g)) > 5), st.integers(0, 3))
def test_grouped_folds_never_part_a_group(group, seed):
    """Whatever the groups, none trains and tests."""
    examples = make_examples((0,) * len(group), group=np.array(group).astype(str))
    for fold in GroupedFolds(n=5, seed=seed).folds(examples):
        assert not set(examples.group[fold.train]) & set(examples.group[fold.test])


def test_one_value_of_a_tag_is_held_out_at_a_time():
    """A fold for each phone, named after it; transfer leaves the phones it does not name out."""
    examples = make_examples((0, 1, 0, 1), tags={"phone": np.array(list("aabc"))})
    folds = {fold.name: (fold.train.tolist(), fold.test.tolist()) for fold in LeaveOneOut(by="phone").folds(examples)}
    assert folds == {"phone a": ([2, 3], [0, 1]), "phone b": ([0, 1, 3], [2]), "phone c": ([0, 1, 2], [3])}
    (fold,) = Transfer(by="phone", train=("a",), test=("c",)).folds(examples)
    assert (fold.name, fold.train.tolist(), fold.test.tolist()) == ("phone a to c", [0, 1], [3])


@pytest.mark.parametrize(
    "protocol", [ContiguousFolds(n=2), StratifiedFolds(n=2), LeaveOneOut(by="phone")], ids=lambda p: type(p).__name__
)
def test_a_protocol_that_would_part_a_group_is_refused(protocol):
    """A random split of one walk's windows leaks: the message names the group and the way out."""
    examples = make_examples((0,) * 8, group=np.array(["walk"] * 8))
    with pytest.raises(DataError, match=r"group 'walk' would train and test .* Use GroupedFolds"):
        list(protocol.folds(examples))


def test_a_transfer_may_share_groups_only_where_it_says_so():
    """Another phone at the same points is a question of its own, asked on purpose."""
    examples = make_examples(group=np.array(["here", "here", "there", "there"]))
    with pytest.raises(DataError, match=r"group 'here' would train and test \(2 groups in all\)"):
        list(Transfer(by="phone", train=("0",), test=("1",)).folds(examples))
    (fold,) = Transfer(by="phone", train=("0",), test=("1",), same_groups=True).folds(examples)
    assert (fold.train.tolist(), fold.test.tolist()) == ([0, 2], [1, 3])


def test_empty_sides_and_impossible_protocols_are_refused():
    """One person cannot be held out of one; the same phone cannot be both; one fold is none."""
    alone = make_examples(tags={"phone": np.array(["1"] * 4)})
    with pytest.raises(DataError, match="phone 1: 0 examples would train and 4 test"):
        list(LeaveOneOut(by="phone").folds(alone))
    with pytest.raises(ConfigError, match="phone 1 cannot both train and test"):
        Transfer(by="phone", train=("1", "2"), test=("1",))
    with pytest.raises(ConfigError, match="at least 2 folds, got 1"):
        GroupedFolds(n=1)
