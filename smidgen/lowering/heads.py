"""The axes of attention: PyTorch has (.., heads, steps, width), kernels read (steps, heads, width)."""

import math

import numpy as np
from torch import fx

from smidgen.ir.graph import Tensor
from smidgen.lowering.builder import Builder, Floats
from smidgen.numerics.quantization import qparams_for_range


def by_time(builder: Builder, node: fx.Node, source: fx.Node, name: str, role: str) -> Tensor:
    """Return an operand (.., T, w) of `node` as (T, heads, w); all leading axes but the batch count as heads."""
    *leading, steps, width = builder.shape(source)
    heads = math.prod(leading)
    data = builder.constant(source)
    if data is not None:
        return _constant(builder, f"{node.name}_{role}", data.reshape(heads, steps, width).transpose(1, 0, 2))
    x = builder.operand(source)
    if len(leading) != 1:
        flat = builder.add_tensor(f"{node.name}_{role}_heads", (heads, steps, width), x.qparams)
        builder.add_op(node, "reshape", [x], flat, attrs={"shape": flat.shape}, name=f"{name}.{role}.heads")
        x = flat
    turned = builder.add_tensor(f"{node.name}_{role}", (steps, heads, width), x.qparams)
    builder.add_op(node, "transpose", [x], turned, attrs={"permutation": (1, 0, 2)}, name=f"{name}.{role}")
    return turned


def by_heads(builder: Builder, node: fx.Node, result: Tensor, name: str) -> None:
    """Give the node its own shape, (.., T, u), from (T, heads, u)."""
    steps, heads, width = result.shape
    shape = builder.shape(node)
    if len(shape) == 3:
        y = builder.output(node)
        builder.add_op(node, "transpose", [result], y, attrs={"permutation": (1, 0, 2)}, name=f"{name}.y")
        return
    turned = builder.add_tensor(f"{node.name}_heads", (heads, steps, width), result.qparams)
    builder.add_op(node, "transpose", [result], turned, attrs={"permutation": (1, 0, 2)}, name=f"{name}.y")
    builder.add_op(node, "reshape", [turned], builder.output(node), attrs={"shape": shape}, name=f"{name}.y.heads")


def _constant(builder: Builder, name: str, data: Floats) -> Tensor:
    """Add learned queries (or keys, or values), in 16 bits where they are integers."""
    if builder.is_float:
        return builder.add_tensor(name, data.shape, None, data=np.ascontiguousarray(data, np.float32))
    qparams = qparams_for_range(float(data.min()), float(data.max()), "int16", symmetric=True)
    return builder.add_tensor(name, data.shape, qparams, data=qparams.quantize(data).astype(np.int16))
