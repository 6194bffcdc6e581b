"""Inputs and outputs of a graph as parameters of a C function: buffers of their own, under legal names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from smidgen.codegen.c_text import is_parameter_name
from smidgen.ir.graph import Graph, Op, Tensor


def with_own_outputs(
    tensors: Mapping[str, Tensor], ops: Sequence[Op], inputs: Sequence[str], outputs: Sequence[str], *, scope: str = ""
) -> tuple[dict[str, Tensor], list[Op], list[str]]:
    """Return tensors, ops and outputs in which every output is written by an op, to a buffer of its own.

    An input that is returned, and a tensor that is returned twice, are copied, by ops whose names begin with `scope`.
    """
    tensors, ops = dict(tensors), list(ops)
    taken = set(inputs)
    own = []
    for index, name in enumerate(outputs):
        if name in taken:
            copied = f"{name}.output_{index}"
            tensors[copied] = replace(tensors[name], name=copied)
            attrs = {"shape": tensors[name].shape}
            ops.append(
                Op(name=f"{scope}output_{index}.copy", kind="reshape", inputs=(name,), output=copied, attrs=attrs)
            )
            name = copied
        taken.add(name)
        own.append(name)
    return tensors, ops, own


def name_ports(graph: Graph, output_keys: Sequence[str]) -> Graph:
    """Give inputs and outputs names that can be parameters of a C function.

    Outputs are called as the model calls them in a dictionary or a named tuple, where these are names in C, else
    "output", or "output_0", "output_1", ...; an input keeps its name unless that has a meaning in C.
    """
    names = _output_names(graph, output_keys)
    renamed = dict(zip(graph.outputs, names, strict=True))
    for name in graph.tensors:
        if (name in names and name not in graph.outputs) or (name in graph.inputs and not is_parameter_name(name)):
            renamed[name] = f"{name}_in" if name in graph.inputs else f"{name}_inner"
    tensors = (replace(tensor, name=renamed.get(name, name)) for name, tensor in graph.tensors.items())
    ops = (
        replace(
            op, inputs=tuple(renamed.get(x, x) for x in op.inputs), output=renamed.get(op.output, op.output),
            more=tuple(renamed.get(name, name) for name in op.more),
        )
        for op in graph.ops
    )  # fmt: skip
    return replace(
        graph,
        inputs=tuple(renamed.get(name, name) for name in graph.inputs),
        outputs=tuple(names),
        tensors={tensor.name: tensor for tensor in tensors},
        ops=tuple(ops),
    )


def _output_names(graph: Graph, keys: Sequence[str]) -> list[str]:
    unlike_inputs = not set(keys) & set(graph.inputs)
    if len(set(keys)) == len(graph.outputs) and unlike_inputs and all(is_parameter_name(key) for key in keys):
        return list(keys)
    return ["output"] if len(graph.outputs) == 1 else [f"output_{i}" for i in range(len(graph.outputs))]
