"""What `smidgen ops` prints comes from the lowering rules: names, precisions, and what each rule says of itself."""

import json

import torch
from command_line import smidgen

from smidgen.lowering import operator_table, supported_operators
from smidgen.lowering.supported import PRECISIONS, describe

aten = torch.ops.aten


def rule_with_signature(builder: object, node: object) -> None:
    """aten.mean(x (b, t), [axis], keepdim=f(1)), over one axis.

    Computed exactly.
    """


def rule_with_words(builder: object, node: object) -> None:
    """Sum of two tensors."""


def test_the_form_is_the_docstring_without_its_signature() -> None:
    """Brackets within brackets, several lines, and docstrings that begin with words."""
    entries = {
        entry.name: entry for entry in describe({aten.mean.dim: rule_with_signature, aten.bmm.default: rule_with_words})
    }
    assert entries["aten.mean"].form == "over one axis. Computed exactly."
    assert (entries["aten.bmm"].form, entries["aten.bmm"].overloads) == ("Sum of two tensors.", ("default",))


def test_precisions_follow_from_rules_and_chains() -> None:
    """A rule serves all; a function of one tensor needs none in integers; a jump has no int16 table."""
    entries = {
        entry.name: entry for entry in describe({aten.mean.dim: rule_with_signature, aten.ne.Scalar: rule_with_words})
    }
    assert entries["aten.mean"].precisions == PRECISIONS
    assert entries["aten.tanh"].precisions == ("int8", "int16")
    assert entries["aten.ne"].precisions == ("int8", "float32")
    assert entries["aten.eq"].precisions == ("int8",)


def test_overloads_are_one_operator() -> None:
    """Sorted by name, each once; every rule is in the table."""
    table = operator_table()
    names = [entry.name for entry in table]
    assert names == sorted(set(names))
    written = {f"{entry.name}.{overload}" for entry in table for overload in entry.overloads} | set(names)
    assert set(supported_operators()) - {"<built-in function getitem>"} <= written
    assert all(entry.precisions for entry in table)


def test_the_verb_prints_the_table() -> None:
    """`smidgen ops` has every name; `--json` is the table itself."""
    shown = smidgen("ops")
    assert shown.status == 0
    table = operator_table()
    assert all(entry.name in shown.stdout for entry in table)
    document = json.loads(smidgen("ops", "--json").stdout)
    assert [entry["name"] for entry in document] == [entry.name for entry in table]
    assert document[0]["precisions"] == list(table[0].precisions)
