"""Products of tensors in every spelling as few: with a constant they are linear layers, of two tensors matrix products.

Axes have letters, as in an einsum: some are summed over, some stand in both operands, some in one alone.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import fx

from smidgen.compression.rewriting.equation import Letters, equation_of
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, arguments

aten = torch.ops.aten

_Call = Callable[..., fx.Node]

_PRODUCTS = (aten.matmul.default, aten.mm.default, aten.bmm.default, aten.mv.default)
_SUMS = (aten.addmm.default, aten.baddbmm.default, aten.addmv.default)
_BY_AXES = (aten.tensordot.default, aten.inner.default, aten.bilinear.default)


def merge_constant_products(graph: fx.Graph) -> bool:
    """Make products with a constant linear layers, and what multiplies more than two tensors products of two."""
    return _rewritten(graph, lambda node, operands: len(operands) != 2 or not all(_is_computed(x) for x in operands))


def unify_products(graph: fx.Graph) -> bool:
    """Make every other product of tensors one by matmul, mul or sum; run it when attention has been found."""
    return _rewritten(graph, lambda node, operands: node.target not in _PRODUCTS)


def _rewritten(graph: fx.Graph, wanted: Callable[[fx.Node, Sequence[fx.Node]], bool]) -> bool:
    found = False
    for node in list(graph.nodes):
        if node.op != "call_function" or not node.meta[COMPUTED]:
            continue
        parsed = _parsed(node)
        if parsed is not None and not node.meta["val"].is_complex() and wanted(node, parsed[0]):
            call = Insertion(node).call
            result = _finished(call, node, _product(call, *parsed))
            node.replace_all_uses_with(result)
            found = True
    graph.eliminate_dead_code()
    return found


def _parsed(node: fx.Node) -> tuple[list[fx.Node], list[Letters], Letters] | None:
    """Return the operands of a product, the letters of each, and those of the result; None for anything else."""
    if node.target is aten.einsum.default:
        equation = equation_of(node)
        return None if equation is None else (list(node.args[1]), *equation)  # type: ignore[arg-type]
    if node.target in (*_PRODUCTS, *_SUMS):
        operands = [x for x in node.args if isinstance(x, fx.Node)][node.target in _SUMS :]
        return operands, *_matmul_letters(*operands)
    given = arguments(node) if node.target in _BY_AXES else {}
    if node.target is aten.tensordot.default:
        a, b = given["self"], given["other"]
        letters = [list("ABCDEFG"[: a.meta["val"].dim()]), list("TUVWXYZ"[: b.meta["val"].dim()])]
        for place, (of_a, of_b) in enumerate(zip(given["dims_self"], given["dims_other"], strict=True)):
            letters[0][of_a] = letters[1][of_b] = "klmn"[place]
        return [a, b], letters, [letter for term in letters for letter in term if letter not in "klmn"]
    if node.target is aten.inner.default:
        a, b = given["self"], given["other"]
        rows, columns = list("ABCDE"[: a.meta["val"].dim() - 1]), list("VWXYZ"[: b.meta["val"].dim() - 1])
        return [a, b], [[*rows, "k"], [*columns, "k"]], [*rows, *columns]
    if node.target is aten.bilinear.default:
        a, b = given["input1"], given["input2"]
        rows = list("ABCDE"[: a.meta["val"].dim() - 1])
        return [a, given["weight"], b], [[*rows, "i"], ["o", "i", "j"], [*rows, "j"]], [*rows, "o"]
    return None


def _matmul_letters(a: fx.Node, b: fx.Node) -> tuple[list[Letters], Letters]:
    """Return the letters of a matmul: vectors have one axis, leading axes count from the last."""
    rank = [a.meta["val"].dim(), b.meta["val"].dim()]
    leading = list("ABCDEFG")
    of_a = [*leading[len(leading) - max(rank[0] - 2, 0) :], *(["m"] if rank[0] > 1 else []), "k"]
    of_b = [*leading[len(leading) - max(rank[1] - 2, 0) :], "k", *(["n"] if rank[1] > 1 else [])]
    longest = max(rank[0] - 2, rank[1] - 2, 0)
    kept = [letter for letter in ("m", "n") if letter in (*of_a, *of_b)]
    return [of_a, of_b], [*leading[len(leading) - longest :], *kept]


def _finished(call: _Call, node: fx.Node, product: fx.Node) -> fx.Node:
    """Return the product with what addmm and its like add to it."""
    if node.target is aten.bilinear.default and arguments(node)["bias"] is not None:
        return call(aten.add.Tensor, product, arguments(node)["bias"])
    if node.target not in _SUMS:
        return product
    given = arguments(node)
    alpha, beta = given["alpha"], given["beta"]
    scaled = product if alpha == 1 else call(aten.mul.Tensor, product, alpha)
    if beta == 0:
        return scaled
    added = given["self"] if beta == 1 else call(aten.mul.Tensor, given["self"], beta)
    return call(aten.add.Tensor, scaled, added)


# ---- letters ---------------------------------------------------------------------------------------------------------


class _Named:
    """A node and the letters of its axes."""

    def __init__(self, call: _Call, node: fx.Node, letters: Letters) -> None:
        self.call, self.node, self.letters = call, node, letters

    @property
    def is_computed(self) -> bool:
        """True if a value of an input reaches it."""
        return _is_computed(self.node)

    def sizes(self, letters: Letters) -> list[Any]:
        """Return the sizes of some axes."""
        return [self.node.meta["val"].shape[self.letters.index(letter)] for letter in letters]

    def ordered(self, letters: Letters) -> fx.Node:
        """Return the node with its axes in an order."""
        order = [self.letters.index(letter) for letter in letters]
        return self.node if order == sorted(order) else self.call(aten.permute.default, self.node, order)

    def grouped(self, *groups: Letters) -> fx.Node:
        """Return the node with one axis for each group of letters, of size one for an empty group."""
        node = self.ordered([letter for group in groups for letter in group])
        for place, group in enumerate(groups):
            if not group:
                node = self.call(aten.unsqueeze.default, node, place)
            elif len(group) > 1:
                node = self.call(aten.flatten.using_ints, node, place, place + len(group) - 1)
        return node

    def among(self, letters: Letters) -> fx.Node:
        """Return the node with its axes in an order, and axes of size one for letters that it lacks."""
        node = self.ordered([letter for letter in letters if letter in self.letters])
        for place, letter in enumerate(letters):
            if letter not in self.letters:
                node = self.call(aten.unsqueeze.default, node, place)
        return node

    def summed(self, kept: Letters) -> "_Named":
        """Return it summed over the letters that are not kept."""
        gone = [place for place, letter in enumerate(self.letters) if letter not in kept]
        if not gone:
            return self
        letters = [letter for letter in self.letters if letter in kept]
        return _Named(self.call, self.call(aten.sum.dim_IntList, self.node, gone), letters)


def _product(call: _Call, operands: Sequence[fx.Node], terms: Sequence[Letters], result: Letters) -> fx.Node:
    """Return the node of an einsum, made of products of two."""
    given = [_Named(call, x, letters) for x, letters in zip(operands, terms, strict=True)]
    # Constants first, so that a computed tensor meets one constant.
    waiting = sorted((_unrepeated(call, x, given) for x in given), key=lambda x: x.is_computed)
    while len(waiting) > 1:
        first, second, *waiting = waiting
        kept = [*result, *(letter for x in waiting for letter in x.letters)]
        product = _pair(first.summed([*kept, *second.letters]), second.summed([*kept, *first.letters]), kept)
        waiting = [product, *waiting]
    (whole,) = waiting
    return whole.summed(result).among(result)


def _unrepeated(call: _Call, x: _Named, operands: Sequence[_Named]) -> _Named:
    """Return an operand without its axes of size one along which another operand has more.

    A constant that has the batch among its axes, as a first state does, is the same for every sample.
    """
    for place, letter in enumerate(x.letters):
        if not x.is_computed and not isinstance(x.sizes([letter])[0], int):
            rest = [other for other in x.letters if other != letter]
            return _unrepeated(call, _Named(call, call(aten.select.int, x.node, place, 0), rest), operands)
    ones = [
        place
        for place, letter in enumerate(x.letters)
        if x.sizes([letter]) == [1] and any(letter in y.letters and y.sizes([letter]) != [1] for y in operands)
    ]
    if not ones:
        return x
    kept = [letter for place, letter in enumerate(x.letters) if place not in ones]
    return _Named(call, call(aten.squeeze.dims, x.node, ones), kept)


def _pair(a: _Named, b: _Named, kept: Letters) -> _Named:
    """Multiply two operands and sum over the letters that both have and nobody keeps."""
    summed = [letter for letter in a.letters if letter in b.letters and letter not in kept]
    if not summed:
        letters = [*a.letters, *(letter for letter in b.letters if letter not in a.letters)]
        return _Named(a.call, a.call(aten.mul.Tensor, a.among(letters), b.among(letters)), letters)
    if a.is_computed and b.is_computed:
        return _matrix_product(a, b, summed)
    x, weight = (b, a) if b.is_computed else (a, b)
    return _layer(x, weight, summed)


def _matrix_product(a: _Named, b: _Named, summed: Letters) -> _Named:
    both = [letter for letter in a.letters if letter in b.letters and letter not in summed]
    rows = [letter for letter in a.letters if letter not in b.letters]
    columns = [letter for letter in b.letters if letter not in a.letters]
    leading = [[letter] for letter in both]
    y = a.call(aten.matmul.default, a.grouped(*leading, rows, summed), b.grouped(*leading, summed, columns))
    parted = _parted(a.call, _parted(a.call, y, -1, b.sizes(columns)), len(both), a.sizes(rows))
    return _Named(a.call, parted, [*both, *rows, *columns])


def _layer(x: _Named, weight: _Named, summed: Letters) -> _Named:
    """Multiply by a constant: a linear layer, or where both have letters that stay, one for each: a convolution."""
    call = x.call
    both = [letter for letter in x.letters if letter in weight.letters and letter not in summed]
    rows = [letter for letter in x.letters if letter not in weight.letters]
    columns = [letter for letter in weight.letters if letter not in x.letters]
    if not both:
        flat = x.grouped(*([letter] for letter in rows), summed)
        y = call(aten.linear.default, flat, weight.grouped(columns, summed))
        return _Named(call, _parted(call, y, -1, weight.sizes(columns)), [*rows, *columns])
    first, *others = sorted(rows, key=lambda row: isinstance(x.sizes([row])[0], int))  # the batch, a free size, first
    spatial = max(len(others), 1)
    frames = x.grouped([first], [*both, *summed], *([letter] for letter in others))
    if not others:
        frames = call(aten.unsqueeze.default, frames, -1)
    taps = weight.grouped([*both, *columns], summed)
    for _ in range(spatial):
        taps = call(aten.unsqueeze.default, taps, -1)
    convolution = {1: aten.conv1d.default, 2: aten.conv2d.default}.get(spatial, aten.conv3d.default)
    groups = 1
    for size in weight.sizes(both):
        groups *= int(size)
    ones, zeros = [1] * spatial, [0] * spatial
    y = call(convolution, frames, taps, None, ones, zeros, ones, groups)
    if not others:
        y = call(aten.squeeze.dim, y, -1)
    parted = _parted(call, y, 1, weight.sizes([*both, *columns]))
    return _Named(call, parted, [first, *both, *columns, *others])


def _parted(call: _Call, node: fx.Node, axis: int, sizes: Sequence[Any]) -> fx.Node:
    """Return the node with an axis parted into several, or gone where it is of size one and stands for none."""
    if not sizes:
        return call(aten.squeeze.dim, node, axis)
    if len(sizes) == 1:
        return node
    known = [size if isinstance(size, int) else -1 for size in sizes]
    return call(aten.unflatten.int, node, axis, known)


def _is_computed(node: fx.Node) -> bool:
    computed: bool = node.meta[COMPUTED]
    return computed
