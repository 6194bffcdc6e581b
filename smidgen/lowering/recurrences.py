"""Lowering of the selective scan."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Rule
from smidgen.numerics.scan import scan_parameters


def selective_scan(builder: Builder, node: fx.Node) -> None:
    """smidgen::selective_scan(u, delta, A, B, C, D, reverse)."""
    u, delta, A, B, C, D, *rest = node.args
    attrs = {"reverse": bool(rest and rest[0])}
    decay, skip = builder.weight(node, A, "A"), builder.weight(node, D, "D")
    x = [builder.operand(argument) for argument in (u, delta, B, C)]
    y = builder.output(node)
    if builder.is_float:
        params = {"A": decay.astype(np.float32), "D": skip.astype(np.float32)}
        builder.add_op(node, "selective_scan", x, y, params, attrs)
        return
    peak = builder.plan.state_peaks[node.name]
    qparams = builder.quantization(node, *x, y)
    parameters = builder.integers(
        node,
        lambda: scan_parameters(
            decay, skip, peak,
            u=qparams[0], delta=qparams[1], B=qparams[2], C=qparams[3], y=qparams[4],
        ),
    )  # fmt: skip
    params = {role: array for role, array in integer_arrays(parameters).items() if role != "state_exponent"}
    builder.add_op(node, "selective_scan", x, y, params, {**integer_attributes(parameters), **attrs})


RULES: Mapping[object, Rule] = {torch.ops.smidgen.selective_scan.default: selective_scan}
