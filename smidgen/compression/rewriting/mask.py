"""What is added to scores to hide some of them, read back as truth values: which elements count.

0 and -inf, or 0 and a large negative number: constants, masked_fill(zeros, hidden, -inf), (1 - seen) * -1e4, sums
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.scores import HIDES, Constants
from smidgen.compression.structure import LAYOUT, POINTWISE

aten = torch.ops.aten

_Truth = Callable[[], fx.Node]


def truth_of_mask(node: fx.Node, constants: Constants, insertion: Insertion) -> fx.Node | None:
    """Add and return truth values of a mask's shape, true where it adds 0; None for what adds anything else."""
    made = _read(node, constants, insertion)
    return None if made is None else made()


def _read(node: fx.Node, constants: Constants, insertion: Insertion) -> _Truth | None:
    """Return what adds the truth values of a mask; nothing is added where that cannot be."""
    value = constants.get(node.name)
    if value is not None:
        return (lambda: insertion.call(aten.gt.Scalar, node, HIDES)) if _is_mask(value) else None
    if node.target in LAYOUT:
        return _moved(node, constants, insertion)
    if node.target is aten.add.Tensor:
        terms = [_read(x, constants, insertion) for x in node.args[:2] if isinstance(x, fx.Node)]
        known = [term for term in terms if term is not None]
        if len(known) == 2:
            return lambda: insertion.call(aten.logical_and.default, known[0](), known[1]())
    return _of_function(node, constants, insertion)


def _moved(node: fx.Node, constants: Constants, insertion: Insertion) -> _Truth | None:
    """Read a mask whose elements are moved or repeated."""
    move, source = node.target, node.args[0]
    inner = _read(source, constants, insertion) if isinstance(source, fx.Node) else None
    if inner is None or not callable(move):
        return None
    return lambda: insertion.call(move, inner(), *node.args[1:], **node.kwargs)


def _of_function(node: fx.Node, constants: Constants, insertion: Insertion) -> _Truth | None:
    """Read a function of one tensor of truth values, or of an input, whose numbers are then zeros and ones."""
    root = _root(node, constants)
    if root is None or root is node or root.meta["val"].shape != node.meta["val"].shape:
        return None
    if not _holds_truth(root, constants):
        return None
    at_0, at_1 = _evaluate(node, root, _ends(root), constants).tolist()
    if sorted((at_0 <= HIDES, at_1 <= HIDES)) != [False, True] or max(at_0, at_1) != 0.0:
        return None
    if root.meta["val"].dtype == torch.bool:
        return lambda: insertion.call(aten.logical_not.default, root) if at_1 <= HIDES else root
    return lambda: insertion.call(aten.lt.Scalar if at_1 <= HIDES else aten.gt.Scalar, root, 0.5)


def _root(node: fx.Node, constants: Constants) -> fx.Node | None:
    """Return the one tensor of which a node is a function, truth values if there are; None where there are several."""
    if node.target not in POINTWISE or node.meta["val"].dtype == torch.bool:
        return node
    roots = set()
    for parent in node.all_input_nodes:
        value = constants.get(parent.name)
        if value is None:
            roots.add(_root(parent, constants))
        elif not _is_even(value):
            return None
    return roots.pop() if len(roots) == 1 else None


def _holds_truth(node: fx.Node, constants: Constants) -> bool:
    """True for zeros and ones made of truth values, moved or not; an input that makes a mask is taken for such."""
    if node.op == "placeholder" or node.meta["val"].dtype == torch.bool:
        return True
    source = node.args[0] if node.args else None
    if node.target in LAYOUT and isinstance(source, fx.Node):
        return _holds_truth(source, constants)
    root = _root(node, constants)
    if root is None or root is node or not _holds_truth(root, constants):
        return False
    return set(_evaluate(node, root, _ends(root), constants).tolist()) <= {0.0, 1.0}


def _ends(root: fx.Node) -> Tensor:
    """Return false and true in a tensor's type."""
    return torch.tensor([False, True]) if root.meta["val"].dtype == torch.bool else torch.tensor([0.0, 1.0])


def _evaluate(node: fx.Node, root: fx.Node, ends: Tensor, constants: Constants) -> Tensor:
    def value(parent: fx.Node) -> Any:
        if parent is root:
            return ends
        if parent.name in constants:
            return constants[parent.name].reshape(-1)[:1]
        return _evaluate(parent, root, ends, constants)

    args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
    result: Tensor = node.target(*args, **kwargs)  # type: ignore[operator]
    return result.expand(2).double()


def _is_mask(value: Tensor) -> bool:
    hidden = value <= HIDES
    return bool(hidden.any()) and not bool(value[~hidden].any())


def _is_even(value: Tensor) -> bool:
    return value.numel() > 0 and bool((value == value.reshape(-1)[0]).all())
