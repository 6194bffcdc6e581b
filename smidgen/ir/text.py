"""A graph as text: one line an operator, for people and for diffs."""

from smidgen.ir.graph import Graph, Tensor
from smidgen.numerics.quantization import QParams


def graph_text(graph: Graph) -> str:
    """Return one line an input, an operator and an output; the body of a loop stands under it."""
    lines = [f"graph {graph.name}"]
    lines += [f"  input  {_describe(graph[name])}" for name in graph.inputs]
    for op in graph.ops:
        operands = ", ".join(op.inputs)
        results = ", ".join(_describe(graph[name]) for name in op.outputs)
        lines.append(f"  {op.name}: {op.kind}({operands}) -> {results}")
        if op.body is not None:
            lines += [f"    {line}" for line in graph_text(op.body).splitlines()]
    lines += [f"  output {_describe(graph[name])}" for name in graph.outputs]
    return "\n".join(lines) + "\n"


def _describe(tensor: Tensor) -> str:
    shape = "x".join(map(str, tensor.shape)) or "scalar"
    return f"{tensor.name} {tensor.dtype} {shape}{_scale(tensor.qparams)}"


def _scale(qparams: QParams | None) -> str:
    if qparams is None:
        return ""
    return f" scale {qparams.scale:.6g}" + (f" zero_point {qparams.zero_point}" if qparams.zero_point else "")
