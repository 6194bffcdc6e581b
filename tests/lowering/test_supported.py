"""What `smidgen ops` prints comes from the lowering rules: names, precisions, and what each rule says of itself."""

import json
from collections.abc import Callable

import pytest
import torch
from command_line import smidgen
from small_models import lowered, normal
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import import_model
from smidgen.errors import UnsupportedError
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
    """A rule serves all; a function of one tensor needs none in integers."""
    entries = {
        entry.name: entry for entry in describe({aten.mean.dim: rule_with_signature, aten.ne.Scalar: rule_with_words})
    }
    assert entries["aten.mean"].precisions == PRECISIONS
    assert entries["aten.tanh"].precisions == ("int8", "int16")
    assert entries["aten.ne"].precisions == PRECISIONS
    assert entries["aten.eq"].precisions == ("int8", "int16")


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


class Function(nn.Module):
    """A function of one tensor as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(normal(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) if self.function is not F.linear else F.linear(x, self.weight)


#: One use of an operator each; where no int16 or no float32 is claimed, that the claim is true.
USES: dict[str, Callable[[Tensor], Tensor]] = {
    "aten.linear": F.linear,
    "aten.add": lambda x: x + x.flip(-1),
    "aten.sub": lambda x: x - x.flip(-1),
    "aten.mul": lambda x: x * x.flip(-1),
    "aten.div": lambda x: x / torch.tensor([1.0, 2.0, 4.0, 8.0]),
    "aten.mean": lambda x: x.mean(1),
    "aten.argmax": lambda x: x.argmax(-1),
    "aten.layer_norm": lambda x: F.layer_norm(x, (4,)),
    "aten.rms_norm": lambda x: F.rms_norm(x, (4,)),
    "aten.cat": lambda x: torch.cat([x, x.flip(1)], dim=1),
    "aten.tanh": torch.tanh,
    "aten.exp": torch.exp,
    "aten.gelu": F.gelu,
    "aten.sqrt": lambda x: x.abs().sqrt(),
    "aten.flip": lambda x: x.flip(1),
    "aten.chunk": lambda x: x.chunk(2, dim=1)[1],
    "aten.where": lambda x: torch.where(x > 0.5, 1.0, 0.0),
    "aten.ne": lambda x: x.ne(0.0) * 1.0,
    "aten.scaled_dot_product_attention": lambda x: F.scaled_dot_product_attention(*[x[:, None]] * 3)[:, 0],
}


@pytest.mark.parametrize("name", USES)
def test_what_is_claimed_is_true(name: str) -> None:
    """An operator lowers in each precision that the table gives it, and in no other."""
    claimed = {entry.name: entry.precisions for entry in operator_table()}[name]
    x = normal(8, 6, 4)
    program = import_model(Function(USES[name]), x)
    found = []
    for recipe, precision in (("int8-pure", "int8"), ("int16", "int16"), ("float32", "float32")):
        try:
            lowered(program, (x,), recipe)
        except UnsupportedError:
            continue
        found.append(precision)
    assert tuple(found) == claimed
