"""Graph and memory plan to C99: one function an operator, named after the user's layer, in one translation unit.

The generator writes data and calls; all arithmetic stands in `kernels/`, ordinary C files that a person can read.
The same graph gives the same bytes of C: no dates, no paths, ordered output.
"""

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from itertools import groupby
from typing import Any

from numpy.typing import NDArray

from smidgen.codegen.bundle import Identity, Layer, Place, Port, Program
from smidgen.codegen.c_text import array_definition, check_program_name, commentable, identifier, is_parameter_name
from smidgen.codegen.calls import Call, Site, call_for, reset_statements
from smidgen.codegen.frames import answer_status, count_frame, counts_frames, ticks
from smidgen.codegen.header import (
    context_bytes,
    described,
    entry_point,
    generated_by,
    header_file,
    parameter,
    signature,
    state_bytes,
)
from smidgen.codegen.optimization import find_optimization
from smidgen.codegen.selftest import KnownAnswer, constants_table, selftest_function
from smidgen.codegen.weights import Constants
from smidgen.errors import ConfigError
from smidgen.ir.clock import EVERY_FRAME
from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.io import graph_sha256
from smidgen.ir.ops import OP_SPECS
from smidgen.passes.check_plan import check_plan
from smidgen.passes.memory_plan import MemoryPlan

#: The context's memory by region, in C.
_MEMORY = {"arena": "ctx->arena.bytes", "state": "ctx->state.bytes"}

#: In front of kernels whose memory was planned for a core that lacks the DSP extension.
_PLAIN = "#define SMIDGEN_WITHOUT_DSP 1 /* this program has no memory for kernels that use it */\n"


def emit(
    graph: Graph, plan: MemoryPlan, *, known_inputs: Sequence[NDArray[Any]], optimize: str = "balanced"
) -> Program:
    """Return the C program of a graph.

    Args: known_inputs, one sample (*shape) for each graph input, or the first frames (n, *shape) of a step graph; with
    the reference's answer it backs the self-test; optimize, a name of OPTIMIZATIONS.
    Raises ConfigError for an unknown one, or if a name cannot stand in C, GraphError if the plan is not sound.
    """
    check_program_name(graph.name)
    for port in (*graph.inputs, *graph.outputs):
        if not is_parameter_name(port):
            raise ConfigError(f"{port!r} cannot be a parameter of a C function; rename this input or output")
    check_plan(graph, plan)
    constants = Constants(graph)
    functions = [_OpFunction(graph, plan, constants, index, op) for index, op in enumerate(graph.ops)]
    functions = [function for function in functions if function.call.statements]
    known = KnownAnswer(graph, constants, known_inputs)
    name = graph.name
    needed = (kernel for function in functions for kernel in (function.call.kernel, *function.call.more_kernels))
    kernels = kernel_text([*needed, "crc32"])
    return Program(
        name=name,
        files={
            f"{name}.h": header_file(graph, plan, constants, known.arrays),
            f"{name}.c": _source(graph, plan, constants, functions, known),
            f"{name}_weights.h": _weights(graph, constants, known),
            f"{name}_kernels.h": find_optimization(optimize).definition + ("" if plan.has_dsp else _PLAIN) + kernels,
        },
        inputs=tuple(_port(graph[tensor]) for tensor in graph.inputs),
        outputs=tuple(_port(graph[tensor]) for tensor in graph.outputs),
        layers=tuple(function.layer for function in functions),
        context_bytes=context_bytes(graph, plan),
        state_bytes=state_bytes(graph, plan),
        entry=entry_point(graph),
        answers=graph.output_clock if graph.is_step else EVERY_FRAME,
        arena_bytes=plan.arena_bytes,
        identity=Identity(
            model_sha256=graph_sha256(graph),
            weights_sha256=constants.sha256,
            known_answer_crc32=known.outputs_crc,
        ),
        optimize=optimize,
    )


class _OpFunction:
    """The C function of one op."""

    def __init__(self, graph: Graph, plan: MemoryPlan, constants: Constants, index: int, op: Op) -> None:
        self.graph, self.plan, self.op = graph, plan, op
        site = Site(graph=graph, plan=plan, constants=constants, op=op)
        self.call: Call = call_for(site)
        self.reset = reset_statements(site)
        self.symbol = f"{graph.name}_{index:03d}_{identifier(op.name)}"
        x, y = graph.operands(op), graph[op.output]
        placement = plan.placements[op.output]
        self.layer = Layer(
            name=op.name,
            op=op.kind,
            function=self.symbol,
            macs=OP_SPECS[op.kind].macs(op, x, y),
            result=Place(tensor=y.name, region=placement.region, offset=placement.offset, n_bytes=y.n_bytes),
        )

    def buffers(self) -> list[str]:
        """Return the caller's buffers that the op touches, arena and state first."""
        tensors = (*self.op.inputs, *self.op.outputs)
        regions = {self.plan.placements[name].region for name in tensors} - {"constant"}
        regions |= {placement.region for placement in self.plan.states.get(self.op.name, {}).values()}
        if self.op.name in self.plan.scratch:
            regions.add("arena")
        order = (*_MEMORY, *self.graph.inputs, *self.graph.outputs)
        return [region for region in order if region in regions]

    def definition(self) -> str:
        written = {self.plan.placements[name].region for name in self.op.outputs}
        parameters = ", ".join(parameter(self.graph, region, is_written=region in written) for region in self.buffers())
        begin = () if self.graph.is_step else self.reset
        body = "\n".join(f"    {statement}" for statement in (*begin, *self.call.statements))
        return (
            f"/* {self._comment()} */\n"
            f"static SMIDGEN_NOINLINE void {self.symbol}({parameters})\n{{\n{_wrapped(body)}\n}}\n"
        )

    def invocation(self) -> str:
        arguments = ", ".join(_MEMORY.get(region, region) for region in self.buffers())
        return f"    {self.symbol}({arguments});"

    def _comment(self) -> str:
        operands, results = (
            ", ".join(described(self.graph[name]) for name in names) for names in (self.op.inputs, self.op.outputs)
        )
        where = " -> ".join(", ".join(map(self._place, names)) for names in (self.op.inputs, self.op.outputs))
        if "accumulator_bound" in self.op.attrs:
            where += f"   |accumulator| <= {self.op.attrs['accumulator_bound']} < 2^31"
        what = f"{commentable(self.op.name)}   {self.op.kind}   {operands} -> {results}"
        return f"{what}\n * {where}"

    def _place(self, name: str) -> str:
        placement = self.plan.placements[name]
        if placement.region != "arena":
            return placement.region
        return f"arena [{placement.offset}, {placement.offset + self.graph[name].n_bytes})"


# ---- files -----------------------------------------------------------------------------------------------------------


def _source(
    graph: Graph, plan: MemoryPlan, constants: Constants, functions: Sequence[_OpFunction], known: KnownAnswer
) -> str:
    name, macro = graph.name, graph.name.upper()
    ports = [*graph.inputs, *graph.outputs]
    nulls = " || ".join(f"({pointer} == NULL)" for pointer in ("ctx", *ports))
    uses_context = counts_frames(graph) or any(set(_MEMORY) & set(function.buffers()) for function in functions)
    return "\n".join(
        [
            f"/* {generated_by(graph, constants)} */",
            f'#include "{name}.h"',
            "",
            "#include <stddef.h>",
            "",
            f'#include "{name}_kernels.h"',
            f'#include "{name}_weights.h"',
            "",
            *(function.definition() for function in functions),
            f"{name}_status {name}_init({name}_context *ctx)",
            "{",
            f"    return {name}_reset(ctx);",
            "}",
            "",
            *_reset_function(graph, functions),
            "",
            f"{name}_status {name}_{entry_point(graph)}({signature(graph)})",
            "{",
            f"    if ({nulls}) {{",
            f"        return {macro}_ERROR_NULL;",
            "    }",
            *([] if uses_context else ["    (void)ctx;"]),
            *count_frame(graph),
            *_timed_calls(functions),
            f"    return {answer_status(graph)};",
            "}",
            "",
            selftest_function(graph, plan, constants, known),
        ]
    )


def _timed_calls(functions: Sequence[_OpFunction]) -> list[str]:
    """Return the calls in order, those that follow each other at one clock under one condition."""
    lines: list[str] = []
    for clock, group in groupby(functions, key=lambda function: function.op.clock):
        calls = [function.invocation() for function in group]
        if clock == EVERY_FRAME:
            lines += calls
        else:
            lines += [f"    if ({ticks(clock)}) {{", *(f"    {call}" for call in calls), "    }"]
    return lines


def _reset_function(graph: Graph, functions: Sequence[_OpFunction]) -> list[str]:
    name, macro = graph.name, graph.name.upper()
    statements = [f"    {statement}" for function in functions for statement in function.reset]
    if counts_frames(graph):
        statements.append("    ctx->frame = 0U;")
    if not graph.is_step or not statements:
        return [
            "/* No state goes from one call to the next. */",
            f"{name}_status {name}_reset({name}_context *ctx)",
            "{",
            f"    return (ctx == NULL) ? {macro}_ERROR_NULL : {macro}_OK;",
            "}",
        ]
    keeps = any(function.reset for function in functions)
    return [
        "/* Every state as it is before the first frame. */",
        f"{name}_status {name}_reset({name}_context *ctx)",
        "{",
        *(["    uint8_t *state;"] if keeps else []),
        "    if (ctx == NULL) {",
        f"        return {macro}_ERROR_NULL;",
        "    }",
        *(["    state = ctx->state.bytes;"] if keeps else []),
        *statements,
        f"    return {macro}_OK;",
        "}",
    ]


def _weights(graph: Graph, constants: Constants, known: KnownAnswer) -> str:
    macro = f"{graph.name.upper()}_WEIGHTS_H"
    answers = [array_definition(symbol, array, storage="") for symbol, array in known.arrays.items()]
    return "\n".join(
        [
            f"/* {generated_by(graph, constants)} */",
            f"#ifndef {macro}",
            f"#define {macro}",
            "",
            "#include <stdint.h>",
            "",
            constants.header(),
            "/* For the self-test and the board's report; left out by the linker where they are not called. */",
            *constants_table(graph, constants),
            *answers,
            "#endif",
            "",
        ]
    )


def kernel_text(kernels: Iterable[str]) -> str:
    """Return the kernel files that are needed, each after those it includes, as one header; system headers first."""
    folder = resources.files("smidgen.codegen") / "kernels"
    texts: dict[str, str] = {}
    system_headers: set[str] = set()

    def visit(kernel: str) -> None:
        if kernel in texts:
            return
        text = (folder / f"{kernel}.h").read_text()
        for included in re.findall(r'^#include "(\w+)\.h"$', text, flags=re.MULTILINE):
            visit(included)
        system_headers.update(re.findall(r"^#include <\w+\.h>$", text, flags=re.MULTILINE))
        texts[kernel] = re.sub(r'^(?:#include ["<]\w+\.h[">]\n)+\n?', "", text, flags=re.MULTILINE)

    for kernel in kernels:
        visit(kernel)
    return "\n".join([*sorted(system_headers), "", *texts.values()])


def _port(tensor: Tensor) -> Port:
    return Port(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape)


def _wrapped(body: str) -> str:
    """Break calls at commas so that lines stay below 120 characters."""
    lines = []
    for line in body.splitlines():
        while len(line) > 118 and ", " in line.lstrip():
            cut = line.rfind(", ", 0, 118)
            cut = line.index(", ") if cut < 0 else cut  # one argument is longer than a line
            lines.append(line[: cut + 1])
            line = "        " + line[cut + 2 :]
        lines.append(line)
    return "\n".join(lines)
