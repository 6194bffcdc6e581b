"""Lowering of comparisons of two tensors, and of logic on truth values.

Truth values are 1.0 and 0.0 in float32, and int8 with a scale of 1 in integers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.ir.graph import Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.elementwise import add_choice
from smidgen.lowering.functions import Step, applied, finish
from smidgen.lowering.operands import operands
from smidgen.numerics.elementwise import add_parameters
from smidgen.numerics.quantization import qparams_for_range

aten = torch.ops.aten

#: What a difference of integers is compared with, and whether it is true below, at and above.
_COMPARISONS: Mapping[str, tuple[bool, bool, bool]] = {
    "eq": (False, True, False), "ne": (True, False, True), "lt": (True, False, False), "le": (True, True, False),
    "gt": (False, False, True), "ge": (False, True, True),
}  # fmt: skip
#: The same in float32, as functions of the difference.
_FLOAT_COMPARISONS: Mapping[str, tuple[Step, ...]] = {
    **{name: ((f"{name}_scalar", {"scalar": 0.0}),) for name in ("eq", "ne", "lt", "gt")},
    "le": (("gt_scalar", {"scalar": 0.0}), ("logical_not", {})),
    "ge": (("lt_scalar", {"scalar": 0.0}), ("logical_not", {})),
}


def compare(name: str) -> Rule:
    """Return the rule of a comparison of two tensors: the sign of their difference."""

    def rule(builder: Builder, node: fx.Node) -> None:
        a, b = operands(builder, node, *node.args)
        if builder.is_float:
            difference = builder.add_tensor(builder.unused(f"{node.name}_difference"), builder.shape(node), None)
            builder.add_op(node, "sub", [a, b], difference, name=builder.op_name(node, ".difference"))
            *first, last = _FLOAT_COMPARISONS[name]
            finish(builder, node, applied(builder, node, difference, *first), last)
        else:
            _add_sign(builder, node, a, b, _COMPARISONS[name])

    return rule


def _add_sign(builder: Builder, node: fx.Node, a: Tensor, b: Tensor, truth: tuple[bool, ...]) -> None:
    """Add a - b in a scale that holds it, and what is true below 0, at 0 and above."""
    first, second = builder.quantization(node, a, b)
    reach = sum(scale.scale * 2.0 ** (15 if scale.dtype == "int16" else 8) for scale in (first, second))
    qparams = qparams_for_range(-reach, reach, "int16", symmetric=True)
    difference = builder.add_tensor(builder.unused(f"{node.name}_difference"), builder.shape(node), qparams)
    parameters = builder.integers(node, lambda: add_parameters(first, second, qparams, factor=-1.0))
    name = builder.op_name(node, ".difference")
    builder.add_op(node, "add", [a, b], difference, attrs=integer_attributes(parameters), name=name)
    params: dict[str, NDArray[Any]] = {"thresholds": np.array([0, 1], np.int16), "values": np.array(truth, np.int8)}
    builder.add_op(node, "steps", [difference], builder.output(node), params)


def logic(kind: str) -> Rule:
    """Return the rule of "and" (minimum) or "or" (maximum) of truth values."""

    def rule(builder: Builder, node: fx.Node) -> None:
        _require_truth(builder, node)
        add_choice(builder, node, kind, node.args)

    return rule


def differ(builder: Builder, node: fx.Node) -> None:
    """Exclusive or: truth values that differ."""
    _require_truth(builder, node)
    compare("ne")(builder, node)


def _require_truth(builder: Builder, node: fx.Node) -> None:
    for source in node.all_input_nodes:
        if source.meta["val"].dtype != torch.bool:
            raise builder.unsupported(
                node, f"it works on bits of {source.meta['val'].dtype}; only truth values are supported"
            )


_AND, _OR = logic("minimum"), logic("maximum")

RULES: Mapping[object, Rule] = {
    **{getattr(aten, name).Tensor: compare(name) for name in _COMPARISONS},
    aten.logical_and.default: _AND, aten.bitwise_and.Tensor: _AND, aten.__and__.Tensor: _AND,
    aten.logical_or.default: _OR, aten.bitwise_or.Tensor: _OR, aten.__or__.Tensor: _OR,
    aten.logical_xor.default: differ, aten.bitwise_xor.Tensor: differ, aten.__xor__.Tensor: differ,
}  # fmt: skip
