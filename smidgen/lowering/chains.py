"""Lowering of chains: pointwise functions of one tensor fold to one table over the integers of their root."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import fx

from smidgen.compression.structure import DISCONTINUOUS, arguments
from smidgen.lowering.builder import Builder, Floats
from smidgen.numerics.quantization import QParams
from smidgen.numerics.tables import table_entries

aten = torch.ops.aten

_EQUALITIES = (aten.eq.Scalar, aten.ne.Scalar)
#: Relative distance below which a value of the root means a code: float32 knows both to 6e-8.
_SAME_CODE = 1e-6


def lower_chain(builder: Builder, node: fx.Node) -> None:
    """Fold the chain that ends in `node` to a table over its root (integer programs)."""
    root = builder.program.structure.roots[node.name]
    x, y = builder.operand(root), builder.output(node)
    source, target = builder.quantization(node, x, y)
    chain = _chain(builder, node, root)
    if x.dtype == "int16" and any(step.target in DISCONTINUOUS for step in chain):
        raise builder.unsupported(node, "a comparison needs an int8 operand, this one is int16; declare it int8")
    codes = [float(arguments(step)["other"]) for step in chain if step.target in _EQUALITIES]

    def function(real: Floats) -> Floats:
        values = _evaluate(builder, chain, root, _snapped(real, codes))
        _require_reachable_codes(builder, chain, values, source)
        return np.asarray(values[node].double().numpy())

    builder.add_op(node, "table", [x], y, {"table": table_entries(function, source, target).astype(y.dtype)})


def _snapped(real: Floats, codes: Sequence[float]) -> Floats:
    """Return the values that the root's integers say, those that mean a compared code as the code itself.

    Both are rounded: 127 steps of 0.1 are 12.700000000000001, and 12.7 is what the chain compares with.
    """
    for code in codes:
        real = np.where(np.isclose(real, code, rtol=_SAME_CODE, atol=0.0), code, real)
    return real


def _require_reachable_codes(
    builder: Builder, chain: list[fx.Node], values: Mapping[fx.Node, torch.Tensor], source: QParams
) -> None:
    """Refuse to compare for equality with a number that no integer of the root gives, such as a code of 127."""
    for step in chain:
        if step.target in _EQUALITIES:
            operand, code = step.args[0], float(arguments(step)["other"])
            assert isinstance(operand, fx.Node)
            if not bool((values[operand] == code).any()):
                root = builder.program.structure.roots[step.name]
                raise builder.unsupported(
                    step,
                    f"it compares {operand.name} with {code:g}, which int8 at scale {source.scale:g} cannot represent; "
                    f'declare the input, e.g. inputs={{"{root.name}": Input(dtype="int8", scale=1.0)}}',
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


def _evaluate(builder: Builder, chain: list[fx.Node], root: fx.Node, real: Floats) -> dict[fx.Node, torch.Tensor]:
    """Run a chain in float64 on the values that its root can take; return every step's values."""
    values: dict[fx.Node, Any] = {root: torch.from_numpy(real)}

    def value(parent: fx.Node) -> Any:
        if parent.name in builder.program.constants:
            return builder.program.constants[parent.name].double().reshape(())
        return values[parent]

    for step in chain:
        args, kwargs = fx.node.map_arg((step.args, step.kwargs), value)
        values[step] = step.target(*args, **kwargs)  # type: ignore[operator]
    return values
