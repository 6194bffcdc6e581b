"""What stands between the product of q and k and the softmax: scales, masks, biases, axes parted and merged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.contraction import ScoreProduct, score_product
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import arguments

aten = torch.ops.aten

#: A score that is replaced by less than this is hidden, whatever the other scores are.
HIDES = -1e3
SOFTMAX = (aten.softmax.int, aten._softmax.default)
_LEADING_RESHAPES = (aten.reshape.default, aten.unsqueeze.default, aten.squeeze.dim)

Constants = Mapping[str, Tensor]
_Made = Callable[[Insertion], fx.Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A constant that is added to the scores, times `factor`; `at` is the node that adds it."""

    value: _Made
    factor: float
    at: fx.Node
    shape: tuple[int, ...]  # of the constant

    @property
    def for_all(self) -> bool:
        """True if it is the same for every head and sample."""
        return all(size == 1 for size in self.shape[:-2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """factor * rows * q k^T + terms, with q and k as they stand in the product."""

    product: ScoreProduct
    origin: fx.Node  # the product
    factor: float
    terms: tuple[Term, ...]
    row_factors: tuple[_Made, ...]  # (.., T or 1, 1) each

    @property
    def layout(self) -> fx.Node:
        """The node whose leading axes the masks have: that of the first mask that tells heads apart."""
        return next((term.at for term in self.terms if not term.for_all), self.origin)

    def mask(self, insertion: Insertion) -> fx.Node | None:
        """Add and return the sum of all terms, None where there is none."""
        total = None
        for term in self.terms:
            value = term.value(insertion)
            if term.for_all and len(term.shape) != 2:
                value = insertion.call(aten.reshape.default, value, [1, *term.shape][-2:])
            if value.meta["val"].dtype != self.origin.meta["val"].dtype:
                value = insertion.call(aten._to_copy.default, value, dtype=self.origin.meta["val"].dtype)
            if term.factor != 1.0:
                value = insertion.call(aten.mul.Tensor, value, term.factor)
            total = value if total is None else insertion.call(aten.add.Tensor, total, value)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """One operator on the scores: node = inner * factor * row + term."""

    inner: fx.Node
    factor: float = 1.0
    row: _Made | None = None
    term: _Made | None = None
    shape: tuple[int, ...] = ()  # of the term


def read_scores(node: fx.Node, constants: Constants) -> Scores | None:
    """Return what the argument of a softmax is made of, None if it is no scaled and masked product."""
    factor, origin = 1.0, node
    terms: list[Term] = []
    rows: list[tuple[_Made, fx.Node]] = []
    product = score_product(origin)
    while product is None:
        layer = _LAYERS.get(origin.target, _nothing)(origin, constants)
        if layer is None or (rows and layer.term is not None):
            return None
        if layer.term is not None:
            terms.append(Term(value=layer.term, factor=factor, at=origin, shape=layer.shape))
        if layer.row is not None:
            rows.append((layer.row, origin))
        factor *= layer.factor
        origin = layer.inner
        product = score_product(origin)
    if product.bias is not None:
        bias = _constant(product.bias, constants)
        if bias is None or rows:
            return None
        shape = tuple(constants[bias.name].shape)
        terms.append(Term(value=lambda _: bias, factor=factor * product.bias_factor, at=origin, shape=shape))
    scores = Scores(
        product=product, origin=origin, factor=factor * product.factor, terms=tuple(terms),
        row_factors=tuple(row for row, _ in rows),
    )  # fmt: skip
    told_apart = [term.at for term in terms if not term.for_all]
    layouts = {leading_sizes(at) for at in (*told_apart, *(at for _, at in rows), *([origin] if rows else []))}
    return scores if len(layouts) <= 1 else None


def leading_sizes(node: fx.Node) -> tuple[int, ...]:
    """Return the sizes of all axes but the last two, -1 for those that the batch decides."""
    return tuple(-1 if isinstance(size, torch.SymInt) else size for size in node.meta["val"].shape[:-2])


def keeps_pairs(node: fx.Node) -> bool:
    """True for a reshape that parts or merges leading axes and leaves the last two alone."""
    if node.target not in _LEADING_RESHAPES:
        return False
    before, after = node.args[0].meta["val"].shape, node.meta["val"].shape  # type: ignore[union-attr]
    return len(before) > 2 and len(after) > 2 and tuple(before[-2:]) == tuple(after[-2:])


def number(value: object, constants: Constants) -> float | None:
    """Return a number, or the only element of a constant, None for anything else."""
    if isinstance(value, fx.Node):
        constant = constants.get(value.name)
        return float(constant) if constant is not None and constant.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def scaled(node: object, constants: Constants) -> tuple[fx.Node, float] | None:
    """Return (x, factor) for a node x * factor or x / divisor, None for anything else."""
    if not isinstance(node, fx.Node):
        return None
    a, b = (*node.args, None, None)[:2]
    if node.target in (aten.mul.Tensor, aten.mul.Scalar):
        for x, other in ((a, b), (b, a)):
            factor = number(other, constants)
            if factor is not None and isinstance(x, fx.Node) and x.name not in constants:
                return x, factor
    elif node.target in (aten.div.Tensor, aten.div.Scalar) and isinstance(a, fx.Node):
        divisor = number(b, constants)
        if divisor and a.name not in constants:
            return a, 1.0 / divisor
    return None


# ---- one operator at a time ------------------------------------------------------------------------------------------


def _nothing(node: fx.Node, constants: Constants) -> _Layer | None:
    return None


def _scale(node: fx.Node, constants: Constants) -> _Layer | None:
    """A product with a number, or with a constant that differs from row to row, such as one temperature a head."""
    found = scaled(node, constants)
    if found is not None:
        return _Layer(inner=found[0], factor=found[1])
    a, b = node.args[:2]
    if node.target is aten.mul.Tensor and _constant(a, constants) is not None:
        a, b = b, a
    row = _constant(b, constants)
    if row is None or not isinstance(a, fx.Node) or constants[row.name].shape[-1] != 1:
        return None
    if node.target is aten.mul.Tensor:
        return _Layer(inner=a, row=lambda _: row)
    return _Layer(inner=a, row=lambda insertion: insertion.call(aten.reciprocal.default, row))


def _sum(node: fx.Node, constants: Constants) -> _Layer | None:
    """A constant that is added or taken away; a number changes no softmax, nor does the maximum of the row."""
    a, b = node.args[:2]
    sign = -1.0 if node.target in (aten.sub.Tensor, aten.sub.Scalar) else 1.0
    factor = sign * float(arguments(node)["alpha"])
    if factor == 1.0 and _constant(a, constants) is not None:
        a, b = b, a
    if not isinstance(a, fx.Node) or a.name in constants:
        return None
    if number(b, constants) is not None or (factor == -1.0 and _is_maximum(b, a)):
        return _Layer(inner=a)
    bias = _constant(b, constants)
    if bias is None:
        return None
    shape = tuple(constants[bias.name].shape)
    if factor == 1.0:
        return _Layer(inner=a, term=lambda _: bias, shape=shape)
    return _Layer(inner=a, term=lambda insertion: insertion.call(aten.mul.Tensor, bias, factor), shape=shape)


def _masked_fill(node: fx.Node, constants: Constants) -> _Layer | None:
    """masked_fill(scores, hidden, -inf)."""
    given = arguments(node)
    return _replaced(given["self"], given["mask"], given["value"], constants, where=True)


def _where(node: fx.Node, constants: Constants) -> _Layer | None:
    """where(shown, scores, -inf), or the other way round."""
    given = arguments(node)
    first, second = given["self"], given["other"]
    if isinstance(first, fx.Node) and first.name not in constants:
        return _replaced(first, given["condition"], second, constants, where=False)
    return _replaced(second, given["condition"], first, constants, where=True)


def _replaced(inner: object, condition: object, by: object, constants: Constants, *, where: bool) -> _Layer | None:
    """Scores that are hidden where a constant condition is `where`."""
    value, mask = number(by, constants), _constant(condition, constants)
    if mask is None or not isinstance(inner, fx.Node) or inner.name in constants or value is None or value > HIDES:
        return None
    values = (value, 0.0) if where else (0.0, value)
    return _Layer(
        inner=inner,
        term=lambda insertion: insertion.call(aten.where.Scalar, mask, *values),
        shape=tuple(constants[mask.name].shape),
    )


def _reshape(node: fx.Node, constants: Constants) -> _Layer | None:
    inner = node.args[0]
    return _Layer(inner=inner) if keeps_pairs(node) and isinstance(inner, fx.Node) else None


def _constant(value: object, constants: Constants) -> fx.Node | None:
    return value if isinstance(value, fx.Node) and value.name in constants else None


def _is_maximum(node: object, of: fx.Node) -> bool:
    """True for the maximum of each row of a node, kept as an axis of size one."""
    if not isinstance(node, fx.Node):
        return False
    source = node.args[0] if node.target is not aten.amax.default and node.args else node
    if isinstance(source, fx.Node) and source.target in (aten.amax.default, aten.max.dim) and source.args[0] is of:
        given = arguments(source)
        last = of.meta["val"].dim() - 1
        axes = given["dim"] if isinstance(given["dim"], list) else [given["dim"]]
        return bool(given["keepdim"]) and [axis % (last + 1) for axis in axes] == [last]
    return False


_LAYERS: Mapping[object, Callable[[fx.Node, Constants], _Layer | None]] = {
    aten.mul.Tensor: _scale, aten.mul.Scalar: _scale, aten.div.Tensor: _scale, aten.div.Scalar: _scale,
    aten.add.Tensor: _sum, aten.add.Scalar: _sum, aten.sub.Tensor: _sum, aten.sub.Scalar: _sum,
    aten.masked_fill.Scalar: _masked_fill, aten.masked_fill.Tensor: _masked_fill,
    aten.where.self: _where, aten.where.ScalarOther: _where, aten.where.ScalarSelf: _where,
    **dict.fromkeys(_LEADING_RESHAPES, _reshape),
}  # fmt: skip
