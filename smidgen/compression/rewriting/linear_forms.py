"""Nodes whose elements are sums of a few elements of one tensor, each times a constant.

A form is a list of terms: element e of the node is the sum over terms of coefficient[e] times the root's element at
position[e]. Moves, joins, sums and products with constants keep it one, through real and complex numbers alike; so
whatever spelling leads from a tensor to a rotation of it, what it computes can be read off.
"""

import operator
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.positions import MOVES, Positions
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.structure import arguments, readers

aten = torch.ops.aten

Term = tuple[Tensor, Tensor]  # positions, coefficients (real or complex)
Form = list[Term]

#: No rotation has more terms on the way.
_MOST_TERMS = 8


class LinearForms:
    """Forms over the elements of `root`, of the nodes that follow from it by linear operators."""

    def __init__(self, root: fx.Node, batch: BatchAxis, constants: Constants) -> None:
        self._positions = Positions(root, batch)
        self._constants = constants
        self._root = root
        self.whole = self._positions.root
        self._values: dict[fx.Node, Any] = {root: [(self.whole, torch.ones_like(self.whole))]}

    def follow(self) -> list[fx.Node]:
        """Return the nodes behind the root that have a form, each after what it is computed from."""
        found: list[fx.Node] = []
        waiting = readers(self._root)
        while waiting:
            node = waiting.pop(0)
            value = None if node in self._values else self._computed(node)
            if value is not None:
                self._values[node] = value
                found.append(node)
                waiting += readers(node)
        return found

    def of(self, node: object) -> Form | None:
        """Return the form of an argument, None for anything but one tensor that has one."""
        value = self._values.get(node) if isinstance(node, fx.Node) else None
        return value if value is not None and isinstance(value[0], tuple) else None

    def factor(self, argument: object) -> Tensor | None:
        """Return a number or a constant in double precision, None for anything else."""
        if isinstance(argument, fx.Node):
            constant = self._constants.get(argument.name)
            return None if constant is None else constant.to(torch.promote_types(constant.dtype, torch.float64))
        return torch.tensor(float(argument)) if isinstance(argument, int | float) else None

    def blank(self, node: object) -> Form | None:
        """Return a form of a constant's shape for elements that are yet to be written."""
        if not isinstance(node, fx.Node) or node.name not in self._constants:
            return None
        shape = self._positions.shape(node)
        return [(torch.zeros(shape, dtype=torch.float64), torch.full(shape, torch.nan, dtype=torch.float64))]

    def _computed(self, node: fx.Node) -> Any:
        if node.target in MOVES:
            return self._moved(node)
        rule = _RULES.get(node.target)
        form = None if rule is None else rule(self, node)
        return form if form is not None and len(form) <= _MOST_TERMS else None

    def _moved(self, node: fx.Node) -> Any:
        """Move positions and coefficients alike; of several results return a list of forms."""
        source = node.args[0]
        assert isinstance(source, fx.Node)
        form = self._values[source]
        if node.target is operator.getitem:
            return form[node.args[1]]

        def moved(part: Tensor) -> Any:
            def value(argument: fx.Node) -> Any:
                return part if argument is source else self._positions.size(argument)

            args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
            return node.target(*args, **kwargs)  # type: ignore[operator]

        parts = [(moved(position), moved(coefficient)) for position, coefficient in form]
        if isinstance(parts[0][0], Tensor):
            return parts
        return [[(p[i], c[i]) for p, c in parts] for i in range(len(parts[0][0]))]


# ---- linear operators ------------------------------------------------------------------------------------------------


def _scaled(form: Form, factor: Tensor | float) -> Form:
    products = [(position, coefficient * factor) for position, coefficient in form]
    return [(position.expand(product.shape), product) for position, product in products]


def _product(forms: LinearForms, node: fx.Node) -> Form | None:
    """x * constant, or constant * x."""
    a, b = node.args[:2]
    for x, constant in ((a, b), (b, a)):
        form, factor = forms.of(x), forms.factor(constant)
        if form is not None and factor is not None:
            return _scaled(form, factor)
    return None


def _quotient(forms: LinearForms, node: fx.Node) -> Form | None:
    """x / constant."""
    form, divisor = forms.of(node.args[0]), forms.factor(node.args[1])
    return None if form is None or divisor is None else _scaled(form, 1.0 / divisor)


def _negative(forms: LinearForms, node: fx.Node) -> Form | None:
    form = forms.of(node.args[0])
    return None if form is None else _scaled(form, -1.0)


def _sum(forms: LinearForms, node: fx.Node) -> Form | None:
    """x + alpha * y, x - alpha * y."""
    a, b = (forms.of(x) for x in node.args[:2])
    alpha = float(arguments(node)["alpha"])
    return (
        None if a is None or b is None else _added(a, _scaled(b, -alpha if node.target is aten.sub.Tensor else alpha))
    )


def _multiply_add(forms: LinearForms, node: fx.Node) -> Form | None:
    """x + value * y * constant."""
    given = arguments(node)
    first, form, factor = forms.of(given["self"]), forms.of(given["tensor1"]), forms.factor(given["tensor2"])
    if first is None or form is None or factor is None:
        return None
    return _added(first, _scaled(form, factor * float(given["value"])))


def _added(a: Form, b: Form) -> Form:
    terms = [*a, *b]
    tensors = torch.broadcast_tensors(*(part for term in terms for part in term))  # type: ignore[no-untyped-call]
    return list(zip(tensors[0::2], tensors[1::2], strict=True))


def _joined(forms: LinearForms, node: fx.Node) -> Form | None:
    """cat and stack."""
    given, join = arguments(node), node.target
    assert callable(join)
    return _together([forms.of(part) for part in given["tensors"]], lambda *parts: join(list(parts), given["dim"]))


def _scattered(forms: LinearForms, node: fx.Node) -> Form | None:
    """Elements written into a slice of a tensor of the same root, or of one that holds nothing yet."""
    given, write = arguments(node), node.target
    assert callable(write)
    rest = {key: value for key, value in given.items() if key not in ("self", "src")}
    base = forms.of(given["self"]) or forms.blank(given["self"])
    return _together([base, forms.of(given["src"])], lambda *parts: write(*parts, **rest))


def _together(parts: list[Form | None], join: Callable[..., Tensor]) -> Form | None:
    """Join forms term by term; where one has fewer, its coefficients are 0."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    fillers = [(part[0][0], torch.zeros_like(part[0][1])) for part in known]
    terms = [
        [filler if term is None else term for term, filler in zip(column, fillers, strict=True)]
        for column in zip_longest(*known)
    ]
    return [(join(*(p for p, _ in column)), join(*(c for _, c in column))) for column in terms]


def _as_complex(forms: LinearForms, node: fx.Node) -> Form | None:
    """view_as_complex: the last axis holds real and imaginary part."""
    form = forms.of(node.args[0])
    return None if form is None else [(p[..., i], c[..., i] * unit) for p, c in form for i, unit in ((0, 1.0), (1, 1j))]


def _complex(forms: LinearForms, node: fx.Node) -> Form | None:
    """complex(real, imaginary)."""
    real, imaginary = (forms.of(x) for x in node.args[:2])
    return None if real is None or imaginary is None else _added(real, _scaled(imaginary, torch.tensor(1j)))


def _as_real(forms: LinearForms, node: fx.Node) -> Form | None:
    form = forms.of(node.args[0])
    if form is None:
        return None
    return [(torch.stack([p, p], -1), torch.view_as_real(c.to(torch.complex128))) for p, c in form]


def _same(forms: LinearForms, node: fx.Node) -> Form | None:
    """A change of floating type, or none."""
    return forms.of(node.args[0]) if node.meta["val"].dtype.is_floating_point else None


def _copied(forms: LinearForms, node: fx.Node) -> Form | None:
    """copy(target, source): what stood in the target is gone."""
    return forms.of(node.args[1])


_RULES: Mapping[object, Callable[[LinearForms, fx.Node], Form | None]] = {
    aten.mul.Tensor: _product, aten.mul.Scalar: _product, aten.div.Tensor: _quotient, aten.div.Scalar: _quotient,
    aten.neg.default: _negative, aten.add.Tensor: _sum, aten.sub.Tensor: _sum, aten.addcmul.default: _multiply_add,
    aten.cat.default: _joined, aten.stack.default: _joined, aten.slice_scatter.default: _scattered,
    aten.copy.default: _copied, aten._to_copy.default: _same, aten.type_as.default: _same,
    aten.complex.default: _complex, aten.view_as_complex.default: _as_complex, aten.view_as_real.default: _as_real,
}  # fmt: skip
