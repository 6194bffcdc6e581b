"""Complex tensors as two real ones: spectra, polar forms and what is computed with them, up to real numbers again.

A firmware has no complex type; what of a program is complex is rewritten part by part, each operator by its rule.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.fourier import forward_matrix, matrices, scale_of, to_real_matrices
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.structure import COMPUTED, LAYOUT, PADS, arguments, readers, unsupported

aten = torch.ops.aten

Part = fx.Node | float | None  # a tensor, a number, or nothing at all: 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A complex value: real and imaginary part."""

    real: Part
    imaginary: Part


def part_complex_numbers(graph: fx.Graph) -> bool:
    """Replace every complex tensor that an input reaches; return whether there was one.

    Raises UnsupportedError, with the user's line, for an operator that has no rule.
    """
    pairs: dict[fx.Node, Pair] = {}
    for node in list(graph.nodes):
        complex_inputs = [x for x in node.all_input_nodes if _is_complex(x) and x.meta[COMPUTED]]
        if node.op == "output" and complex_inputs:
            raise unsupported(complex_inputs[0], "it is returned as complex numbers; return torch.view_as_real of it")
        if node.op != "call_function" or not node.meta[COMPUTED] or not (complex_inputs or _is_complex(node)):
            continue
        rule = _moved if node.target in LAYOUT else _RULES.get(node.target)
        if rule is None:
            raise unsupported(
                node,
                "of complex numbers, sums, products, magnitudes, transforms and what moves elements compile; compute "
                "on real and imaginary parts apart",
            )
        result = rule(_Parts(node, pairs), node)
        if isinstance(result, Pair):
            pairs[node] = result
        else:
            node.replace_all_uses_with(result)
    graph.eliminate_dead_code()
    return bool(pairs)


def _is_complex(node: fx.Node) -> bool:
    value = node.meta.get("val")
    first = value[0] if isinstance(value, list | tuple) and value else value
    return isinstance(first, Tensor) and first.is_complex()


class _Parts:
    """The parts of a node's operands, and arithmetic on parts; what it adds takes the node's place."""

    def __init__(self, node: fx.Node, pairs: Mapping[fx.Node, Pair]) -> None:
        self._insertion, self._pairs = Insertion(node), pairs
        self.call: Callable[..., fx.Node] = self._insertion.call

    def of(self, x: Any) -> Pair:
        """Return an operand as a pair: a number, a real tensor, a constant, or one that was parted before."""
        if not isinstance(x, fx.Node):
            return Pair(real=complex(x).real, imaginary=complex(x).imag or None)
        if x in self._pairs:
            return self._pairs[x]
        if not _is_complex(x):
            return Pair(real=x, imaginary=None)
        both = self.call(aten.view_as_real.default, x)
        last = x.meta["val"].dim()
        return Pair(real=self.call(aten.select.int, both, last, 0), imaginary=self.call(aten.select.int, both, last, 1))

    def times(self, a: Part, b: Part) -> Part:
        """a * b."""
        if a is None or b is None:
            return None
        if isinstance(a, fx.Node):
            return self.call(aten.mul.Tensor, a, b)
        return self.call(aten.mul.Tensor, b, a) if isinstance(b, fx.Node) else a * b

    def plus(self, a: Part, b: Part, factor: float = 1.0) -> Part:
        """a + factor * b."""
        if b is None:
            return a
        if a is None:
            return b if factor == 1.0 else self.times(b, factor)
        if isinstance(a, fx.Node) and factor != 1.0:
            return self.call(aten.sub.Tensor, a, b, alpha=-factor)
        if isinstance(a, fx.Node):
            return self.call(aten.add.Tensor, a, b)
        if isinstance(b, fx.Node):
            return self.call(aten.add.Tensor, self.times(b, factor), a)
        return a + factor * b

    def tensor(self, part: Part, like: Part) -> fx.Node:
        """Return a part as a tensor; nothing becomes zeros in the shape of the other part."""
        if isinstance(part, fx.Node):
            return part
        assert isinstance(like, fx.Node)
        zeros = self.call(aten.mul.Tensor, like, 0.0)
        return zeros if not part else self.call(aten.add.Tensor, zeros, part)

    def both(self, pair: Pair) -> tuple[fx.Node, fx.Node]:
        """Return both parts as tensors."""
        return self.tensor(pair.real, pair.imaginary), self.tensor(pair.imaginary, pair.real)

    def moved(self, node: fx.Node, part: Part) -> fx.Node:
        """Return what a node makes of its first operand, made of a part."""
        assert isinstance(part, fx.Node)
        if node.target not in PADS:
            return self.call(node.target, part, *node.args[1:], **node.kwargs)
        shape = node.meta["val"].shape  # torch would take the batch that it was traced with for the only one
        value = part.meta["val"].new_empty(shape)
        return self._insertion.call_like(node.target, part, *node.args[1:], value=value)

    def layer(self, x: fx.Node, weight: Tensor, name: str) -> fx.Node:
        """Return x (.., n) times a constant weight (m, n)."""
        return self.call(aten.linear.default, x, self._insertion.constant(name, weight))


_Rule = Callable[[_Parts, fx.Node], Pair | fx.Node]


# ---- arithmetic ------------------------------------------------------------------------------------------------------


def _multiplied(parts: _Parts, a: Pair, b: Pair, times: Callable[[Part, Part], Part]) -> Pair:
    """(a + ib)(c + id) = ac - bd + i(ad + bc), for any product that is linear in both."""
    return Pair(
        real=parts.plus(times(a.real, b.real), times(a.imaginary, b.imaginary), -1.0),
        imaginary=parts.plus(times(a.real, b.imaginary), times(a.imaginary, b.real)),
    )


def _product(parts: _Parts, node: fx.Node) -> Pair:
    return _multiplied(parts, parts.of(node.args[0]), parts.of(node.args[1]), parts.times)


def _contraction(parts: _Parts, node: fx.Node) -> Pair:
    """matmul, bmm, mm, and einsum of two operands."""
    is_einsum = node.target is aten.einsum.default
    operands = node.args[1] if is_einsum else node.args[:2]
    assert isinstance(operands, list | tuple)
    if len(operands) != 2:
        raise unsupported(node, "of complex numbers, an einsum of two operands compiles; take the others one by one")

    def times(a: Part, b: Part) -> Part:
        if a is None or b is None:
            return None
        return parts.call(aten.einsum.default, node.args[0], [a, b]) if is_einsum else parts.call(node.target, a, b)

    return _multiplied(parts, parts.of(operands[0]), parts.of(operands[1]), times)


def _quotient(parts: _Parts, node: fx.Node) -> Pair:
    """a / b = a conj(b) / |b|^2."""
    a, b = parts.of(node.args[0]), parts.of(node.args[1])
    if b.imaginary is not None:
        squares = parts.plus(parts.times(b.real, b.real), parts.times(b.imaginary, b.imaginary))
        a = _multiplied(parts, a, Pair(real=b.real, imaginary=parts.times(b.imaginary, -1.0)), parts.times)
        b = Pair(real=squares, imaginary=None)
    real, imaginary = (
        part if part is None else parts.call(aten.div.Tensor, part, b.real) for part in (a.real, a.imaginary)
    )
    return Pair(real=real, imaginary=imaginary)


def _sum(parts: _Parts, node: fx.Node) -> Pair:
    """a + alpha b, a - alpha b."""
    a, b = parts.of(node.args[0]), parts.of(node.args[1])
    factor = float(arguments(node)["alpha"]) * (-1.0 if node.target is aten.sub.Tensor else 1.0)
    return Pair(real=parts.plus(a.real, b.real, factor), imaginary=parts.plus(a.imaginary, b.imaginary, factor))


def _negative(parts: _Parts, node: fx.Node) -> Pair:
    x = parts.of(node.args[0])
    return Pair(real=parts.times(x.real, -1.0), imaginary=parts.times(x.imaginary, -1.0))


def _conjugate(parts: _Parts, node: fx.Node) -> Pair:
    x = parts.of(node.args[0])
    return Pair(real=x.real, imaginary=parts.times(x.imaginary, -1.0))


def _magnitude(parts: _Parts, node: fx.Node) -> fx.Node:
    real, imaginary = parts.both(parts.of(node.args[0]))
    squares = [parts.call(aten.square.default, part) for part in (real, imaginary)]
    return parts.call(aten.sqrt.default, parts.call(aten.add.Tensor, *squares))


def _exponential(parts: _Parts, node: fx.Node) -> Pair:
    real, imaginary = parts.both(parts.of(node.args[0]))
    return _turned(parts, parts.call(aten.exp.default, real), imaginary)


def _polar(parts: _Parts, node: fx.Node) -> Pair:
    length, angle = node.args[:2]
    assert isinstance(length, fx.Node)
    return _turned(parts, length, angle)


def _turned(parts: _Parts, length: fx.Node, angle: Any) -> Pair:
    return Pair(
        real=parts.times(length, parts.call(aten.cos.default, angle)),
        imaginary=parts.times(length, parts.call(aten.sin.default, angle)),
    )


# ---- what keeps parts apart ------------------------------------------------------------------------------------------


def _moved(parts: _Parts, node: fx.Node) -> Pair:
    """Any operator of one tensor that is the same for both parts."""
    source, *rest = node.args
    x = parts.of(source)
    if node.target is operator.getitem:
        return Pair(
            real=parts.call(operator.getitem, x.real, *rest),
            imaginary=None if x.imaginary is None else parts.call(operator.getitem, x.imaginary, *rest),
        )
    moved = [None if part is None else parts.moved(node, part) for part in (x.real, x.imaginary)]
    return Pair(real=moved[0], imaginary=moved[1])


def _joined(parts: _Parts, node: fx.Node) -> Pair:
    """cat and stack."""
    tensors, *rest = node.args
    assert isinstance(tensors, list | tuple)
    columns = zip(*(parts.both(parts.of(x)) for x in tensors), strict=True)
    real, imaginary = (parts.call(node.target, list(column), *rest, **node.kwargs) for column in columns)
    return Pair(real=real, imaginary=imaginary)


def _scattered(parts: _Parts, node: fx.Node) -> Pair:
    """Values written into a tensor of zeros, as the low frequencies of a spectrum are."""
    base, values, *rest = node.args
    targets, sources = parts.both(parts.of(base)), parts.both(parts.of(values))
    real, imaginary = (
        parts.call(node.target, target, source, *rest, **node.kwargs)
        for target, source in zip(targets, sources, strict=True)
    )
    return Pair(real=real, imaginary=imaginary)


def _from_real(parts: _Parts, node: fx.Node) -> Pair | fx.Node:
    """_to_copy: a real tensor as complex, or only the real part of a complex one."""
    x = parts.of(node.args[0])
    return x if _is_complex(node) else parts.tensor(x.real, x.imaginary)


def _from_parts(parts: _Parts, node: fx.Node) -> Pair:
    real, imaginary = node.args[:2]
    return Pair(real=real, imaginary=imaginary)  # type: ignore[arg-type]


def _as_complex(parts: _Parts, node: fx.Node) -> Pair:
    x, last = node.args[0], node.meta["val"].dim()
    return Pair(real=parts.call(aten.select.int, x, last, 0), imaginary=parts.call(aten.select.int, x, last, 1))


def _as_real(parts: _Parts, node: fx.Node) -> fx.Node:
    """view_as_real; x.real and x.imag are a selection of it, and each takes its part."""
    both, last = parts.both(parts.of(node.args[0])), node.meta["val"].dim() - 1
    for user in readers(node):
        if user.target is aten.select.int and arguments(user)["dim"] in (-1, last):
            user.replace_all_uses_with(both[arguments(user)["index"]])
    return parts.call(aten.stack.default, list(both), last)


# ---- transforms ------------------------------------------------------------------------------------------------------


def _of_real(parts: _Parts, node: fx.Node) -> Pair:
    """_fft_r2c: the last of its axes first, as that of a real tensor."""
    given = arguments(node)
    *others, last = given["dim"]
    pair = Pair(real=given["self"], imaginary=None)
    size = given["self"].meta["val"].shape[last]
    rows = size // 2 + 1 if given["onesided"] else size
    scale = scale_of(given["normalization"], size)
    pair = _transformed(parts, pair, last, forward_matrix(size, rows), scale, f"{node.name}_{last}")
    return _along(parts, node, pair, others, inverse=False)


def _of_complex(parts: _Parts, node: fx.Node) -> Pair:
    """_fft_c2c."""
    given = arguments(node)
    return _along(parts, node, parts.of(given["self"]), given["dim"], inverse=not given["forward"])


def _to_real(parts: _Parts, node: fx.Node) -> fx.Node:
    """_fft_c2r: the last of its axes last, to a real tensor."""
    given = arguments(node)
    *others, last = given["dim"]
    pair = _along(parts, node, parts.of(given["self"]), others, inverse=True)
    size = given["last_dim_size"]
    weight = matrices(to_real_matrices(size), scale_of(given["normalization"], size))
    return _layer_along(parts, pair, last, weight, f"{node.name}_{last}")


def _along(parts: _Parts, node: fx.Node, pair: Pair, axes: Any, *, inverse: bool) -> Pair:
    for axis in axes:
        size = node.meta["val"].shape[axis]
        matrix = forward_matrix(size, size, inverse=inverse)
        scale = scale_of(arguments(node)["normalization"], size)
        pair = _transformed(parts, pair, axis, matrix, scale, f"{node.name}_{axis}")
    return pair


def _transformed(parts: _Parts, pair: Pair, axis: int, matrix: Tensor, scale: float, name: str) -> Pair:
    blocks = ([matrix.real], [matrix.imag])
    if pair.imaginary is not None:
        blocks = ([matrix.real, -matrix.imag], [matrix.imag, matrix.real])
    real, imaginary = (
        _layer_along(parts, pair, axis, matrices(block, scale), f"{name}_{part}")
        for block, part in zip(blocks, ("real", "imaginary"), strict=True)
    )
    return Pair(real=real, imaginary=imaginary)


def _layer_along(parts: _Parts, pair: Pair, axis: int, weight: Tensor, name: str) -> fx.Node:
    """Return a weight times both parts joined along an axis, or times the real part where there is no other."""
    x = pair.real if pair.imaginary is None else parts.call(aten.cat.default, list(parts.both(pair)), axis)
    assert isinstance(x, fx.Node)
    if axis % x.meta["val"].dim() == x.meta["val"].dim() - 1:
        return parts.layer(x, weight, name)
    last = parts.call(aten.transpose.int, x, axis, -1)
    return parts.call(aten.transpose.int, parts.layer(last, weight, name), axis, -1)


_RULES: Mapping[object, _Rule] = {
    **dict.fromkeys((aten.mul.Tensor, aten.mul.Scalar), _product),
    **dict.fromkeys((aten.matmul.default, aten.bmm.default, aten.mm.default, aten.einsum.default), _contraction),
    **dict.fromkeys((aten.div.Tensor, aten.div.Scalar), _quotient),
    **dict.fromkeys((aten.add.Tensor, aten.sub.Tensor), _sum),
    **dict.fromkeys((aten.sum.dim_IntList, aten.mean.dim), _moved),
    **dict.fromkeys((aten.cat.default, aten.stack.default), _joined),
    **dict.fromkeys((aten.slice_scatter.default, aten.select_scatter.default), _scattered),
    aten.neg.default: _negative, aten._conj.default: _conjugate, aten.abs.default: _magnitude,
    aten.exp.default: _exponential, aten.polar.default: _polar, aten.complex.default: _from_parts,
    aten._to_copy.default: _from_real, aten.view_as_complex.default: _as_complex, aten.view_as_real.default: _as_real,
    aten._fft_r2c.default: _of_real, aten._fft_c2c.default: _of_complex, aten._fft_c2r.default: _to_real,
}  # fmt: skip
