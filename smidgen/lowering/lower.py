"""Walk the float program once and write the integer (or float32) graph."""

from collections.abc import Mapping
from types import FunctionType

import torch
from torch import fx

from smidgen.compression import FloatProgram, Plan
from smidgen.compression.loop_node import is_loop
from smidgen.compression.rewriting import REWRITTEN
from smidgen.errors import UnsupportedError
from smidgen.ir import Graph, check_graph
from smidgen.lowering import (
    attention,
    chains,
    comparisons,
    convolution,
    elementwise,
    embedding,
    functions,
    layout,
    linear_attention,
    loops,
    matmul,
    max_plus,
    normalization,
    pooling,
    projections,
    recurrences,
    recurrent_layers,
    reductions,
    running,
    softmax,
)
from smidgen.lowering.advice import instead_of
from smidgen.lowering.builder import Builder, Rule
from smidgen.lowering.ports import name_ports, with_own_outputs
from smidgen.lowering.supported import SupportedOperator, describe

_FAMILIES = (
    attention,
    comparisons,
    convolution,
    elementwise,
    embedding,
    functions,
    layout,
    linear_attention,
    matmul,
    max_plus,
    normalization,
    pooling,
    projections,
    recurrences,
    recurrent_layers,
    reductions,
    running,
    softmax,
)
_RULES: Mapping[object, Rule] = {target: rule for family in _FAMILIES for target, rule in family.RULES.items()}


def lower(program: FloatProgram, plan: Plan, *, name: str) -> Graph:
    """Return the graph of `program` under `plan`.

    Raises UnsupportedError, with the user's line, for an operator or a form of it that has no lowering.
    """
    builder = Builder(program, plan)
    _lower_nodes(builder)
    for output in program.output_names:
        if output not in builder.values:
            raise UnsupportedError(f"output {output} is computed from weights alone; return it apart from the model")
    inputs = [builder.values[input_name] for input_name in program.input_names]
    outputs = [builder.values[output_name] for output_name in program.output_names]
    tensors, ops, outputs = with_own_outputs(builder.tensors, builder.ops, inputs, outputs)
    graph = Graph(name=name, inputs=tuple(inputs), outputs=tuple(outputs), tensors=tensors, ops=tuple(ops))
    graph = name_ports(graph, program.output_keys)
    check_graph(graph)
    return graph


def supported_operators() -> list[str]:
    """Return the names of torch's operators that have a lowering, sorted; our own functions stand for several."""
    return sorted({str(target) for target in (*_RULES, *REWRITTEN) if not isinstance(target, FunctionType)})


def operator_table() -> list[SupportedOperator]:
    """Return every supported operator with its precisions and forms, sorted by name."""
    return describe(_RULES)


def _lower_nodes(builder: Builder) -> None:
    """Lower everything that the builder's program computes."""
    program = builder.program
    for node in program.nodes:
        if node.name in program.constants or node.name in builder.values:
            continue  # parts of a split linear layer were made with the layer
        if isinstance(node.meta.get("val"), torch.SymInt):
            continue  # arithmetic on the batch size, which a firmware does not have
        if node.op == "placeholder":
            builder.input(node)
        elif node.op == "call_function" and node.name in program.structure.materialised:
            _lower_node(builder, node)
        elif node.op == "call_function" and node.name in program.structure.split_parts:
            projections.split_linear(builder, node)
        elif node.op == "call_function" and builder.is_float and node.name in program.structure.roots:
            _lower_node(builder, node)


def _lower_node(builder: Builder, node: fx.Node) -> None:
    if is_loop(node):
        loops.lower_loop(builder, node, _lower_nodes)
        return
    if not builder.is_float and node.name in builder.program.structure.roots:
        chains.lower_chain(builder, node)
        return
    rule = _RULES.get(node.target)
    if rule is None:
        advice = instead_of(str(node.target), supported_operators())
        raise builder.unsupported(node, f"operator {node.target} has no lowering; {advice}")
    rule(builder, node)
