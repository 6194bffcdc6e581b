"""Lowering of chains: pointwise functions of one tensor fold to one function of the integers of their root."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.utils import _pytree as pytree

from smidgen.compression.structure import arguments
from smidgen.lowering.builder import Builder, Floats
from smidgen.lowering.operands import reshaped
from smidgen.lowering.tabulation import Seen, add_function
from smidgen.numerics.quantization import QParams

aten = torch.ops.aten

_EQUALITIES = (aten.eq.Scalar, aten.ne.Scalar)
#: Relative distance below which a value of the root means a code: float32 knows both to 6e-8.
_SAME_CODE = 1e-6
_LARGEST = float(np.finfo(np.float32).max)


def lower_chain(builder: Builder, node: fx.Node) -> None:
    """Fold the chain that ends in `node` to a function of its root (integer programs)."""
    root = builder.program.structure.roots[node.name]
    x = reshaped(builder, node, builder.operand(root), builder.shape(node))
    y = builder.output(node)
    source, _ = builder.quantization(node, x, y)
    chain = _chain(builder, node, root)
    codes = [float(arguments(step)["other"]) for step in chain if step.target in _EQUALITIES]
    if codes:
        _require_reachable_codes(builder, chain, root, source, codes)

    def function(real: Floats) -> Floats:
        values = _evaluate(builder, chain, root, _snapped(real, codes))
        return np.broadcast_to(values[node].double().numpy(), real.shape)

    low, high = builder.plan.ranges.get(root.name, (-1.0, 1.0))  # truth values are not observed
    seen = Seen(low=low, high=high, whole=not root.meta["val"].dtype.is_floating_point)
    add_function(builder, node, x, y, function, seen, jumps=bool(codes))


def _snapped(real: Floats, codes: Sequence[float]) -> Floats:
    """Return the values that the root's integers say, those that mean a compared code as the code itself.

    Both are rounded: 127 steps of 0.1 are 12.700000000000001, and 12.7 is what the chain compares with.
    """
    for code in codes:
        real = np.where(np.isclose(real, code, rtol=_SAME_CODE, atol=0.0), code, real)
    return real


def _require_reachable_codes(
    builder: Builder, chain: list[fx.Node], root: fx.Node, source: QParams, codes: Sequence[float]
) -> None:
    """Refuse to compare for equality with a number that no integer of the root gives, such as a code of 127."""
    low, high = (-128, 127) if source.dtype == "int8" else (-32767, 32767)
    values = _evaluate(builder, chain, root, _snapped(source.dequantize(np.arange(low, high + 1)), codes))
    for step in chain:
        if step.target in _EQUALITIES:
            operand, code = step.args[0], float(arguments(step)["other"])
            assert isinstance(operand, fx.Node)
            if not bool((values[operand] == code).any()):
                raise builder.unsupported(
                    step,
                    f"it compares {operand.name} with {code:g}, which {source.dtype} at scale {source.scale:g} cannot "
                    f'represent; declare the input, e.g. inputs={{"{root.name}": Input(dtype="int8", scale=1.0)}}',
                )


def _chain(builder: Builder, node: fx.Node, root: fx.Node) -> list[fx.Node]:
    """Return the nodes between root and node in execution order, node last."""
    members: dict[fx.Node, None] = {}

    def visit(step: fx.Node) -> None:
        if step is root or step in members or step.name in builder.program.constants:
            return
        for parent in step.all_input_nodes:
            visit(parent)
        members[step] = None

    visit(node)
    return list(members)


def _evaluate(builder: Builder, chain: list[fx.Node], root: fx.Node, real: Floats) -> Mapping[fx.Node, torch.Tensor]:
    """Run a chain in float64 on the values that its root can take; return every step's values."""
    given, dtype = torch.from_numpy(np.ascontiguousarray(real)), root.meta["val"].dtype
    values: dict[fx.Node, Any] = {root: given if dtype.is_floating_point else given.to(dtype)}

    def value(parent: fx.Node) -> Any:
        if parent.name not in builder.program.constants:
            return values[parent]
        constant = builder.program.constants[parent.name]
        return (constant.double() if constant.is_floating_point() else constant).reshape(())

    for step in chain:
        args, kwargs = pytree.tree_map(_finite, fx.node.map_arg((step.args, step.kwargs), value))
        kwargs = {**kwargs, "dtype": torch.float64} if _is_real_conversion(step) else kwargs
        values[step] = step.target(*args, **kwargs)  # type: ignore[operator]
    return values


def _finite(argument: Any) -> Any:
    """Return an argument with a large number for infinity: what a mask hides by it lies at the end of any range."""
    if isinstance(argument, torch.Tensor) and argument.is_floating_point():
        return argument.clamp(-_LARGEST, _LARGEST)
    return min(max(argument, -_LARGEST), _LARGEST) if isinstance(argument, float) else argument


def _is_real_conversion(step: fx.Node) -> bool:
    """True for a conversion to real numbers, which a chain computes in float64."""
    return step.target is aten._to_copy.default and step.meta["val"].dtype.is_floating_point
