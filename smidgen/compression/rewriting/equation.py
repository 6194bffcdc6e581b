"""The letters of an einsum, an ellipsis written out."""

import string

import torch
from torch import fx

aten = torch.ops.aten

Letters = list[str]


def equation_of(node: fx.Node) -> tuple[list[Letters], Letters] | None:
    """Return the letters of each operand and of the result; None for anything but an einsum without a diagonal."""
    if node.target is not aten.einsum.default:
        return None
    operands: list[fx.Node] = node.args[1]  # type: ignore[assignment]
    equation = str(node.args[0]).replace(" ", "").replace("...", ".")
    terms, arrow, result = equation.partition("->")
    written = terms.split(",")
    if any(len(set(term)) < len(term) for term in written):
        return None
    if not arrow:  # letters that occur once, sorted
        once = [letter for letter in sorted(set(terms) - {",", "."}) if terms.count(letter) == 1]
        result = ("." if "." in terms else "") + "".join(once)
    free = [letter for letter in string.ascii_letters if letter not in equation]
    hidden = [
        x.meta["val"].dim() - len(term) + 1 if "." in term else 0 for x, term in zip(operands, written, strict=True)
    ]
    shared = free[: max(hidden)]

    def spelled(term: str, count: int) -> Letters:
        return [letter for mark in term for letter in (shared[len(shared) - count :] if mark == "." else mark)]

    return [spelled(term, count) for term, count in zip(written, hidden, strict=True)], spelled(result, max(hidden))
