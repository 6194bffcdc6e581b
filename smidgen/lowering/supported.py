"""What compiles, told by the lowering rules themselves: torch's operators, in which precisions, in which forms.

The form is the rule's own docstring, so that a rule and what is said of it stand in one place.
"""

import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType

from smidgen.compression.rewriting import REWRITTEN
from smidgen.compression.structure import LAYOUT, POINTWISE
from smidgen.lowering.builder import Rule

#: Types of activations, as recipes name them; int16 activations meet int8 weights (16x8).
PRECISIONS = ("int8", "int16", "float32")

_OF_ONE_TENSOR = "Of one tensor, element by element."
_MOVES = "Moves elements."


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportedOperator:
    """One operator of torch: `name` without overload ("aten.mul"), the overloads that have a rule, and its forms."""

    name: str
    overloads: tuple[str, ...]  # "Tensor", "Scalar"
    precisions: tuple[str, ...]  # of PRECISIONS
    form: str  # what of it is supported, in a few words


def describe(rules: Mapping[object, Rule]) -> list[SupportedOperator]:
    """Return what a table of lowering rules supports, one entry for each operator of torch, sorted by name.

    Our own functions, which rewriting puts in the place of several operators, are none of torch's. Functions of one
    tensor need no rule in integers: a chain of them folds to one table over int8 or int16.
    """
    by_name: dict[str, list[object]] = {}
    targets = {*rules, *POINTWISE, *REWRITTEN}
    for target in sorted((t for t in targets if not isinstance(t, FunctionType)), key=_written):
        by_name.setdefault(_name(target), []).append(target)
    return [
        SupportedOperator(
            name=name,
            overloads=tuple(_overload(target) for target in targets if _overload(target)),
            precisions=tuple(p for p in PRECISIONS if any(p in _precisions(target, rules) for target in targets)),
            form=" ".join(dict.fromkeys(_forms(targets, rules))),
        )
        for name, targets in sorted(by_name.items())
    ]


def _precisions(target: object, rules: Mapping[object, Rule]) -> tuple[str, ...]:
    if target in REWRITTEN:
        return PRECISIONS
    return PRECISIONS if target in rules else ("int8", "int16")


def _forms(targets: list[object], rules: Mapping[object, Rule]) -> Iterator[str]:
    for target in targets:
        said = _without_signature(rules[target].__doc__ or "") if target in rules else ""
        if said:
            yield said
        elif target in REWRITTEN and not any(other in rules for other in targets):
            yield REWRITTEN[target]
        elif target in POINTWISE:
            yield _OF_ONE_TENSOR
        elif target in LAYOUT:
            yield _MOVES


def _without_signature(docstring: str) -> str:
    """Return a rule's docstring as one line, without the call that it begins with: "aten.mean(x, [axis]) over ..."."""
    text = " ".join(docstring.split())
    if not text.startswith(("aten.", "smidgen::")):
        return text
    depth = 0
    for index, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == ")" and depth == 0:
            return text[index + 1 :].lstrip(",.: ")
    return ""


def _written(target: object) -> str:
    return "operator.getitem" if target is operator.getitem else str(target)


def _name(target: object) -> str:
    return _written(target).rpartition(".")[0] if target is not operator.getitem else "operator.getitem"


def _overload(target: object) -> str:
    return _written(target).rpartition(".")[2] if target is not operator.getitem else ""
