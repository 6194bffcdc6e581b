"""A first slice that was written another way: `h = f(x) if h is None else f(x) + g(h)`, or `0 * h` left out.

It is a step like the others if the body, from states of zero and with the frame before the others, gives the same
values; that is found by computing both.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.loops.repeats import SCATTERS
from smidgen.compression.rewriting.loops.slices import Slices
from smidgen.compression.structure import arguments

aten = torch.ops.aten

#: Returns the value of every node for some inputs.
Values = Callable[[], Mapping[fx.Node, Any]]

JOINS = (aten.stack.default, aten.cat.default)
_TOLERANCE = 1e-5


def with_first_slice(slices: Slices, values: Values) -> Slices:
    """Return the slices with the one in front of them that was written another way, where there is one."""
    if not _may_have_one(slices):
        return slices
    known = values()
    found = _one_step(slices, known)
    nodes: dict[fx.Node, int] = {}
    for (position, _), node in slices.initial.items():
        if not _same(found[position], known[node]):
            return slices
        nodes[node] = position
    for position, node in _neighbours(slices):
        if _same(found[position], known[node]):
            nodes.setdefault(node, position)
    zeros = {state: _zeros(slices, node) for state, node in slices.initial.items()}
    return slices.with_one_before(zeros, nodes)


def _zeros(slices: Slices, node: fx.Node) -> fx.Node:
    """Add zeros in the shape of a node that depend on the size of the batch alone."""
    insertion, source = Insertion(node.next, like=node), next(iter(slices.frames)).source
    samples, *shape = node.meta["val"].shape
    size: Any = samples
    if isinstance(samples, torch.SymInt):
        size = insertion.call(aten.sym_size.int, source, slices.batch.of(source.meta["val"]))
    return insertion.call(aten.new_zeros.default, source, [size, *shape])


def _may_have_one(slices: Slices) -> bool:
    computed = [node for node in slices.initial.values() if not slices.sequence.is_constant(node)]
    near = all(lag == 1 for _, lag in slices.initial)
    before = [first.index - slices.direction for first in slices.frames.values()]
    sizes = [first.source.meta["val"].shape[first.axis] for first in slices.frames.values()]
    room = all(0 <= index < size for index, size in zip(before, sizes, strict=True))
    return bool(computed) and near and room and not any(node.target in SCATTERS for node in slices.template)


def _one_step(slices: Slices, known: Mapping[fx.Node, Any]) -> dict[int, Any]:
    """Compute the template with states of zero and the frame before the first; return its values by position."""
    values: dict[fx.Node, Any] = {}

    def value(node: fx.Node) -> Any:
        if node in values:
            return values[node]
        tap, place = slices.sequence.taps.get(node), slices.place(node)
        if tap is not None and tap in slices.frames:
            first = slices.frames[tap]
            index = first.index - slices.direction
            frame = known[first.source].narrow(first.axis, index, 1)
            return frame if tap.keeps_axis else frame.squeeze(first.axis)
        if place is not None:
            return torch.zeros_like(known[node])
        if tap is not None and slices.moves(tap.source):
            return computed(node)
        return known[node]

    def computed(node: fx.Node) -> Any:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
        return node.target(*args, **kwargs)  # type: ignore[operator]

    for node in slices.template:
        values[node] = computed(node)
    return {position: values[node] for position, node in enumerate(slices.template)}


def _neighbours(slices: Slices) -> list[tuple[int, fx.Node]]:
    """Return what joins have in front of the first step's, in the order of steps, by the position it may stand for."""
    found = []
    for node, (step, position) in slices.places.items():
        for user in node.users if step == 0 else ():
            if user.target in JOINS:
                parts = list(arguments(user)["tensors"])
                index = parts.index(node)
                for other in (index - 1, index + 1):
                    if 0 <= other < len(parts) and slices.place(parts[other]) is None:
                        found.append((position, parts[other]))
    return found


def _same(a: Any, b: Any) -> bool:
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or a.dtype != b.dtype:
        return False
    return a.shape == b.shape and torch.allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE)
