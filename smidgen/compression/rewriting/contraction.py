"""The two products of attention in every spelling, with their operands' axes in one order.

Glossary: leading axes are batch and heads, T queries, S keys, w width of a score, u width of a value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import fx

from smidgen.compression.rewriting.equation import equation_of
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import arguments

aten = torch.ops.aten

_PRODUCTS = (aten.matmul.default, aten.bmm.default)
_Terms = tuple[list[str], list[str], list[str]]  # letters of two operands and of the result


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A node whose axes are to be put in `order`, with `missing` leading axes of size one before the last two."""

    source: fx.Node
    order: tuple[int, ...]
    missing: int = 0

    def node(self, insertion: Insertion) -> fx.Node:
        """Return the node with its axes in order."""
        ordered = self.source
        if self.order != tuple(range(len(self.order))):
            ordered = insertion.call(aten.permute.default, ordered, list(self.order))
        for _ in range(self.missing):
            ordered = insertion.call(aten.unsqueeze.default, ordered, -3)
        return ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreProduct:
    """factor * q k^T + bias * bias_factor: q (.., T, w), k (.., S, w), leading axes as those of the scores."""

    q: Operand
    k: Operand
    factor: float = 1.0
    bias: fx.Node | None = None
    bias_factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueProduct:
    """weights (.., T, S) times v (.., S, u); `order` of the result's axes among (.., T, u)."""

    v: Operand
    order: tuple[int, ...]


def score_product(node: fx.Node) -> ScoreProduct | None:
    """Return what a node multiplies if it is a product (.., T, w) x (.., S, w) -> (.., T, S), else None."""
    if node.target in _PRODUCTS:
        q, k = node.args[:2]
        return _of_matmul(q, k)
    if node.target is aten.baddbmm.default:
        given = arguments(node)
        product = _of_matmul(given["batch1"], given["batch2"])
        if product is None:
            return None
        bias = given["self"] if given["beta"] != 0 else None
        return ScoreProduct(
            q=product.q, k=product.k, factor=float(given["alpha"]), bias=bias, bias_factor=float(given["beta"])
        )
    parsed = _einsum(node)
    return _of_einsum(node, parsed) if parsed is not None else None


def value_product(node: fx.Node, weights: fx.Node) -> ValueProduct | None:
    """Return what a node multiplies the weights (.., T, S) by if it sums over S, else None."""
    if node.target in _PRODUCTS:
        first, v = node.args[:2]
        if first is not weights or not isinstance(v, fx.Node) or v is weights or _rank(v) != _rank(weights):
            return None
        return ValueProduct(v=_in_order(v), order=tuple(range(_rank(node))))
    parsed = _einsum(node)
    return None if parsed is None else _values_of_einsum(node, weights, parsed)


def _rank(node: fx.Node) -> int:
    rank: int = node.meta["val"].dim()
    return rank


def _in_order(node: fx.Node) -> Operand:
    return Operand(source=node, order=tuple(range(_rank(node))))


def _of_matmul(q: object, k: object) -> ScoreProduct | None:
    if not (isinstance(q, fx.Node) and isinstance(k, fx.Node)) or _rank(q) != _rank(k) or _rank(q) < 3:
        return None
    *leading, width, keys = range(_rank(k))
    return ScoreProduct(q=_in_order(q), k=Operand(source=k, order=(*leading, keys, width)))


# ---- einsum ----------------------------------------------------------------------------------------------------------


def _einsum(node: fx.Node) -> _Terms | None:
    """Return the letters of an einsum of two operands; None for anything else."""
    equation = equation_of(node)
    if equation is None or len(equation[0]) != 2:
        return None
    return equation[0][0], equation[0][1], equation[1]


def _of_einsum(node: fx.Node, terms: _Terms) -> ScoreProduct | None:
    operands: Sequence[fx.Node] = node.args[1]  # type: ignore[assignment]
    scores = terms[2]
    for position in (0, 1):
        q, k = terms[position], terms[1 - position]
        if len(scores) < 3:
            return None
        *leading, query, key = scores
        summed = [letter for letter in q if letter not in scores]
        known = all(letter in q for letter in leading) and all(letter in (*leading, key, *summed) for letter in k)
        if (
            len(summed) == 1
            and summed[0] in k
            and query in q
            and query not in k
            and key in k
            and key not in q
            and known
        ):
            shared = [letter for letter in leading if letter in k]
            if shared != leading[: len(shared)]:
                return None  # heads that share keys do not stand in a row
            return ScoreProduct(
                q=_ordered(operands[position], q, [*leading, query, *summed]),
                k=_ordered(operands[1 - position], k, [*shared, key, *summed], len(leading) - len(shared)),
            )
    return None


def _values_of_einsum(node: fx.Node, weights: fx.Node, terms: _Terms) -> ValueProduct | None:
    operands: Sequence[fx.Node] = node.args[1]  # type: ignore[assignment]
    if weights not in operands or operands[0] is operands[1]:
        return None
    position = list(operands).index(weights)
    p, v, result = terms[position], terms[1 - position], terms[2]
    *leading, query, key = p
    widths = [letter for letter in v if letter not in p]
    shared = [letter for letter in leading if letter in v]
    if len(widths) != 1 or key not in v or key in result or query in v or shared != leading[: len(shared)]:
        return None
    if sorted(result) != sorted([*leading, query, *widths]):
        return None
    attended = [*leading, query, *widths]
    return ValueProduct(
        v=_ordered(operands[1 - position], v, [*shared, key, *widths], len(leading) - len(shared)),
        order=tuple(attended.index(letter) for letter in result),
    )


def _ordered(source: fx.Node, letters: Sequence[str], wanted: Sequence[str], missing: int = 0) -> Operand:
    return Operand(source=source, order=tuple(letters.index(letter) for letter in wanted), missing=missing)
