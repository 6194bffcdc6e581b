"""Running sums of outer products, read by queries, become a recurrence (Katharopoulos et al. 2020, eq. 9 to 11).

    einsum or product of k and v over all pairs of channels -> cumsum over steps -> einsum or product with q

Spelled out, the sums of all steps are in memory at once, (T, w, u); the recurrence keeps those of one.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import fx

from smidgen.compression.rewriting.contraction import Operand
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import arguments, readers
from smidgen.models.linear_attention import linear_attention

aten = torch.ops.aten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Labelled:
    """A node whose axes carry letters; axes of size one that carry none are taken out first."""

    node: fx.Node
    letters: str
    dropped: tuple[int, ...] = ()

    def ordered(self, insertion: Insertion, wanted: Sequence[str]) -> fx.Node:
        """Return the node with the axes `wanted`, of size one for letters that it lacks."""
        node = self.node
        for axis in sorted(self.dropped, reverse=True):
            node = insertion.call(aten.squeeze.dim, node, axis)
        present = [letter for letter in wanted if letter in self.letters]
        node = Operand(source=node, order=tuple(self.letters.index(letter) for letter in present)).node(insertion)
        for axis, letter in enumerate(wanted):
            if letter not in self.letters:
                node = insertion.call(aten.unsqueeze.default, node, axis)
        return node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What multiplies the running sums: q over their letter d, and factors of the result's letters."""

    node: fx.Node  # that holds the result
    q: _Labelled
    factors: tuple[_Labelled, ...]
    result: str  # letters, "1" for an axis of size one


def fuse_cumulative_attention(graph: fx.Graph) -> bool:
    """Replace every running sum of outer products that queries read; return whether there was one."""
    fused = False
    for node in list(graph.nodes):
        if node.target is aten.cumsum.default and len(readers(node)) == 1 and _fuse(node):
            graph.eliminate_dead_code()
            fused = True
    return fused


def _fuse(sums: fx.Node) -> bool:
    source = sums.args[0]
    outer = _outer(source) if isinstance(source, fx.Node) else None
    if outer is None:
        return False
    *factors, letters = outer
    time = letters[arguments(sums)["dim"]]
    for k, v in (factors, factors[::-1]):
        (d,), (e,) = set(k.letters) - set(v.letters), set(v.letters) - set(k.letters)
        reading = _reading(sums, letters, d) if time not in (d, e) else None
        if reading is not None:
            _replace(reading, k, v, [letter for letter in letters if letter not in (time, d, e)], (time, d, e))
            return True
    return False


def _replace(reading: _Reading, k: _Labelled, v: _Labelled, lead: Sequence[str], last: tuple[str, str, str]) -> None:
    time, d, e = last
    insertion = Insertion(reading.node)
    operands = [x.ordered(insertion, [*lead, time, width]) for x, width in ((reading.q, d), (k, d), (v, e))]
    attended = _Labelled(
        node=insertion.call(linear_attention, *operands, None, 1.0), letters="".join([*lead, time, e])
    ).ordered(insertion, reading.result)
    for factor in reading.factors:
        attended = insertion.call(aten.mul.Tensor, attended, factor.ordered(insertion, reading.result))
    reading.node.replace_all_uses_with(attended)


def _outer(node: fx.Node) -> tuple[_Labelled, _Labelled, str] | None:
    """Return k and v of an outer product over one axis of each, and the letters of the result."""
    parsed = _equation(node)
    if parsed is not None and len(parsed[0]) == 2:
        (k, v), letters = parsed
        own = (set(k.letters) - set(v.letters), set(v.letters) - set(k.letters))
        alone = all(len(letters_of_one) == 1 for letters_of_one in own)
        return (k, v, letters) if alone and set(letters) == set(k.letters) | set(v.letters) else None
    if node.target not in (aten.mul.Tensor, aten.matmul.default):
        return None
    letters = string.ascii_lowercase[: _rank(node)]
    a, b = node.args[:2]
    for column, row in ((a, b), (b, a)) if node.target is aten.mul.Tensor else ((a, b),):
        k_found, v_found = _column(column, letters), _row(row, letters)
        if k_found is not None and v_found is not None:
            return k_found, v_found, letters
    return None


def _column(node: object, letters: str) -> _Labelled | None:
    """Return a node (.., w, 1) without its last axis, None for anything else."""
    if not isinstance(node, fx.Node) or _rank(node) != len(letters) or node.meta["val"].shape[-1] != 1:
        return None
    return _Labelled(node=node, letters=letters[:-1], dropped=(len(letters) - 1,))


def _row(node: object, letters: str) -> _Labelled | None:
    """Return a node (.., 1, u) without its last axis but one, None for anything else."""
    if not isinstance(node, fx.Node) or _rank(node) != len(letters) or node.meta["val"].shape[-2] != 1:
        return None
    return _Labelled(node=node, letters=letters[:-2] + letters[-1], dropped=(len(letters) - 2,))


def _reading(sums: fx.Node, letters: str, d: str) -> _Reading | None:
    """Return how queries read the running sums, None if they do not sum over d alone."""
    (reader,) = readers(sums)
    parsed = _equation(reader)
    if parsed is not None:
        return _read_by_einsum(reader, sums, letters, d, *parsed)
    if d != letters[-2]:
        return None
    if reader.target is aten.matmul.default and reader.args[1] is sums:
        q = _row(reader.args[0], letters[:-1] + d)  # (.., 1, w)
        if q is not None:
            return _Reading(node=reader, q=q, factors=(), result=f"{letters[:-2]}1{letters[-1]}")
    if reader.target is aten.mul.Tensor and len(readers(reader)) == 1:
        q = _column(reader.args[1] if reader.args[0] is sums else reader.args[0], letters)
        (total,) = readers(reader)
        given = arguments(total) if total.target is aten.sum.dim_IntList else {"dim": None}
        if q is not None and given["dim"] in ([-2], [len(letters) - 2]) and not given["keepdim"]:
            return _Reading(node=total, q=q, factors=(), result=letters.replace(d, ""))
    return None


def _read_by_einsum(
    reader: fx.Node, sums: fx.Node, letters: str, d: str, operands: Sequence[_Labelled], result: str
) -> _Reading | None:
    place = next(i for i, operand in enumerate(operands) if operand.node is sums)
    renamed = dict(zip(operands[place].letters, letters, strict=True))
    others = [operand for i, operand in enumerate(operands) if i != place]
    if not set(result).union(*(other.letters for other in others)) <= set(renamed):
        return None
    named = [_Labelled(node=x.node, letters="".join(renamed[letter] for letter in x.letters)) for x in others]
    queries = [x for x in named if d in x.letters]
    kept = "".join(renamed[letter] for letter in result)
    e = letters[-1] if len(queries) != 1 else next(iter(set(letters) - set(queries[0].letters)), "")
    if len(queries) != 1 or set(kept) != set(letters) - {d} or set(queries[0].letters) != set(letters) - {e}:
        return None
    return _Reading(node=reader, q=queries[0], factors=tuple(x for x in named if x is not queries[0]), result=kept)


def _equation(node: fx.Node) -> tuple[list[_Labelled], str] | None:
    """Return the operands of an einsum with their letters, and the result's; None for anything else."""
    if node.target is not aten.einsum.default:
        return None
    terms, arrow, result = str(node.args[0]).replace(" ", "").partition("->")
    letters = terms.split(",")
    if not arrow or "." in terms or any(len(set(term)) < len(term) for term in letters):
        return None
    nodes: Sequence[fx.Node] = node.args[1]  # type: ignore[assignment]
    return [_Labelled(node=x, letters=term) for x, term in zip(nodes, letters, strict=True)], result


def _rank(node: fx.Node) -> int:
    rank: int = node.meta["val"].dim()
    return rank
