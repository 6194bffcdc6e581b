"""Lowering of the selective scan, and of the form with one decay a head."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import fx

from smidgen.compression.plan import scan_state_dtype
from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_arrays, integer_attributes
from smidgen.lowering.builder import Builder, Floats, Rule
from smidgen.numerics.scan import distinct_decays, scan_parameters


def selective_scan(builder: Builder, node: fx.Node) -> None:
    """smidgen::selective_scan(u, delta, A, B, C, D, reverse)."""
    u, delta, A, B, C, D, *_ = node.args
    x = [builder.operand(argument) for argument in (u, delta, B, C)]
    rates, skip = builder.weight(node, A, "A"), builder.weight(node, D, "D")
    _add_scan(builder, node, x, builder.output(node), rates, skip, groups=1)


def ssd_scan(builder: Builder, node: fx.Node) -> None:
    """smidgen::ssd_scan(x, dt, A, B, C, D, reverse): heads and groups are told by shapes, values lie side by side."""
    values, dt, A, B, C, D, *_ = node.args
    name = builder.op_name(node)
    x, delta, keys, queries = (builder.operand(argument) for argument in (values, dt, B, C))
    steps, heads, width = x.shape
    groups, states = keys.shape[1:]
    flat = [
        _flat(builder, node, tensor, (steps, size), f"{name}.{role}")
        for role, tensor, size in (
            ("x", x, heads * width), ("B", keys, groups * states), ("C", queries, groups * states)
        )
    ]  # fmt: skip
    rates = np.repeat(builder.weight(node, A, "A")[:, None], states, axis=1)
    skip = np.repeat(builder.weight(node, D, "D"), width)
    y = builder.add_tensor(f"{node.name}_flat", (steps, heads * width), builder.qparams(node))
    _add_scan(builder, node, [flat[0], delta, *flat[1:]], y, rates, skip, groups=groups, name=name)
    result = builder.output(node)
    builder.add_op(node, "reshape", [y], result, attrs={"shape": result.shape}, name=f"{name}.heads")


def _flat(builder: Builder, node: fx.Node, x: Tensor, shape: tuple[int, int], name: str) -> Tensor:
    y = builder.add_tensor(f"{x.name}_of_{node.name}", shape, x.qparams)
    builder.add_op(node, "reshape", [x], y, attrs={"shape": shape}, name=name)
    return y


def _add_scan(
    builder: Builder,
    node: fx.Node,
    x: Sequence[Tensor],
    y: Tensor,
    rates: Floats,
    skip: Floats,
    *,
    groups: int,
    name: str | None = None,
) -> None:
    """Append the scan of x = u (t, d), delta (t, heads), B, C (t, groups * n) with A (heads, n), the skip D (d,)."""
    reverse = node.args[6] if len(node.args) > 6 else False
    assert isinstance(reverse, bool)
    attrs: dict[str, Attribute] = {"groups": groups, "reverse": reverse}
    if builder.is_float:
        kept, chain = distinct_decays(rates)
        params = {"A": (rates if chain else kept).astype(np.float32), "D": skip.astype(np.float32)}
        builder.add_op(node, "selective_scan", x, y, params, attrs, name=name)
        return
    peak = builder.plan.state_peaks[node.name]
    qparams = builder.quantization(node, *x, y)
    parameters = builder.integers(
        node,
        lambda: scan_parameters(
            rates, skip, peak,
            u=qparams[0], delta=qparams[1], B=qparams[2], C=qparams[3], y=qparams[4],
            state=scan_state_dtype(node, builder.plan.recipe),
        ),
    )  # fmt: skip
    attrs = {**integer_attributes(parameters), "chain": parameters.chain, **attrs}
    builder.add_op(node, "selective_scan", x, y, integer_arrays(parameters), attrs, name=name)


RULES: Mapping[object, Rule] = {
    torch.ops.smidgen.selective_scan.default: selective_scan,
    torch.ops.smidgen.ssd_scan.default: ssd_scan,
}
