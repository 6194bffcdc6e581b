"""Lowering of products of two tensors that are both computed; with a constant they are linear layers by then."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import fx

from smidgen.ir.graph import Attribute, Tensor
from smidgen.ir.spec import integer_attributes
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.layout import rescaled
from smidgen.numerics.matmul import matmul_parameters
from smidgen.numerics.quantization import QParams

aten = torch.ops.aten


def matmul(builder: Builder, node: fx.Node) -> None:
    """aten.matmul(a, b): of two computed tensors in matrices, one for each place along the leading axes."""
    name = builder.op_name(node)
    a, b = (_operand(builder, node, position, name) for position in (0, 1))
    y = builder.output(node)
    a, b = _matrices(builder, node, a, b, name)
    attrs: dict[str, Attribute] = {"transposed": False}
    if not builder.is_float:
        first, second, product = builder.quantization(node, a, b, y)
        parameters = builder.integers(node, lambda: matmul_parameters(first, second, product, a.shape[-1]))
        attrs.update(integer_attributes(parameters))
    builder.add_op(node, "matmul", [a, b], y, attrs=attrs, name=name)


def _operand(builder: Builder, node: fx.Node, position: int, name: str) -> Tensor:
    """Return an operand, without a zero point."""
    argument = node.args[position]
    assert isinstance(argument, fx.Node)
    batch = builder.program.batch.of(argument.meta["val"])
    if batch is not None and batch >= argument.meta["val"].dim() - 2 and builder.program.batch.symbols:
        raise builder.unsupported(node, "its matrices hold several samples; put the batch in front of their two axes")
    x = builder.operand(argument)
    if x.qparams is None or not x.qparams.zero_point:
        return x
    reach = x.qparams.scale * (128 + abs(x.qparams.zero_point))
    symmetric = QParams(dtype="int16", scale=reach / 32767)
    return rescaled(builder, node, x, symmetric, f"{name}.{position}")


def _matrices(builder: Builder, node: fx.Node, a: Tensor, b: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Return operands whose leading axes agree, or of which one has one matrix: others are repeated."""
    leading = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    whole = int(np.prod(leading))
    operands = []
    for place, x in enumerate((a, b)):
        if int(np.prod(x.shape[:-2])) in (1, whole):
            operands.append(x)
            continue
        for axis, count in enumerate(leading, start=len(x.shape) - 2 - len(leading)):
            if axis >= 0 and x.shape[axis] != count:
                shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
                repeated = builder.add_tensor(builder.unused(f"{node.name}_{place}_repeated"), shape, x.qparams)
                builder.add_op(
                    node, "concat", [x] * count, repeated, attrs={"axis": axis}, name=f"{name}.{place}.{axis}"
                )
                x = repeated
        operands.append(x)
    return operands[0], operands[1]


RULES: Mapping[object, Rule] = dict.fromkeys((aten.matmul.default, aten.bmm.default, aten.mm.default), matmul)
