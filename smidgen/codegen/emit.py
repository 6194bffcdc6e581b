"""Graph and memory plan to C99: one function an operator, named after the user's layer, in one translation unit.

The generator writes data and calls; all arithmetic stands in `kernels/`, ordinary C files that a person can read.
The same graph gives the same bytes of C: no dates, no paths, ordered output.
"""

import re
import zlib
from collections.abc import Iterable, Sequence
from importlib import metadata, resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import Layer, Place, Port, Program
from smidgen.codegen.c_text import C_TYPES, array_definition, identifier, is_parameter_name, unsigned
from smidgen.codegen.calls import Call, Site, call_for
from smidgen.codegen.weights import Constants
from smidgen.errors import ConfigError
from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.interpret import interpret
from smidgen.ir.ops import OP_SPECS
from smidgen.passes.memory import MemoryPlan, check_plan

#: A float self-test allows this much, since it may run under another compiler; an integer one nothing.
_FLOAT_TOLERANCE = 1e-4


def emit(graph: Graph, plan: MemoryPlan, *, known_inputs: Sequence[NDArray[Any]]) -> Program:
    """Return the C program of a graph.

    Args: known_inputs, one sample (*shape) for each graph input; with the reference's answer it backs the self-test.
    Raises ConfigError if a name cannot stand in C, GraphError if the plan is not sound.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", graph.name):
        raise ConfigError(f"the name {graph.name!r} becomes C symbols: use lower-case letters, digits and _")
    for port in (*graph.inputs, *graph.outputs):
        if not is_parameter_name(port):
            raise ConfigError(f"{port!r} cannot be a parameter of a C function; rename this input or output")
    check_plan(graph, plan)
    constants = Constants(graph)
    functions = [_OpFunction(graph, plan, constants, index, op) for index, op in enumerate(graph.ops)]
    functions = [function for function in functions if function.call.statements]
    known = _KnownAnswer(graph, constants, known_inputs)
    name = graph.name
    kernels = _kernel_text([*(function.call.kernel for function in functions), "crc32"])
    return Program(
        name=name,
        files={
            f"{name}.h": _header(graph, plan, constants),
            f"{name}.c": _source(graph, plan, constants, functions, known),
            f"{name}_weights.h": _weights(graph, constants, known),
            f"{name}_kernels.h": kernels,
        },
        inputs=tuple(_port(graph[tensor]) for tensor in graph.inputs),
        outputs=tuple(_port(graph[tensor]) for tensor in graph.outputs),
        layers=tuple(function.layer for function in functions),
        context_bytes=_context_bytes(plan),
        state_bytes=0,
        arena_bytes=plan.arena_bytes,
    )


class _OpFunction:
    """The C function of one op."""

    def __init__(self, graph: Graph, plan: MemoryPlan, constants: Constants, index: int, op: Op) -> None:
        self.graph, self.plan, self.op = graph, plan, op
        self.call: Call = call_for(Site(graph=graph, plan=plan, constants=constants, op=op))
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

    def _buffers(self) -> list[str]:
        """Return the caller's buffers that the op touches, the arena first."""
        tensors = (*self.op.inputs, self.op.output)
        regions = {self.plan.placements[name].region for name in tensors} - {"constant"}
        if self.op.name in self.plan.scratch:
            regions.add("arena")
        order = ("arena", *self.graph.inputs, *self.graph.outputs)
        return [region for region in order if region in regions]

    def definition(self) -> str:
        parameters = ", ".join(_parameter(self.graph, region) for region in self._buffers())
        body = "\n".join(f"    {statement}" for statement in self.call.statements)
        return (
            f"/* {self._comment()} */\n"
            f"static SMIDGEN_NOINLINE void {self.symbol}({parameters})\n{{\n{_wrapped(body)}\n}}\n"
        )

    def invocation(self) -> str:
        arguments = ", ".join("ctx->arena.bytes" if region == "arena" else region for region in self._buffers())
        return f"    {self.symbol}({arguments});"

    def _comment(self) -> str:
        operands = ", ".join(_described(self.graph[name]) for name in self.op.inputs)
        places = [self._place(name) for name in (*self.op.inputs, self.op.output)]
        where = f"{', '.join(places[:-1])} -> {places[-1]}"
        if "accumulator_bound" in self.op.attrs:
            where += f"   |accumulator| <= {self.op.attrs['accumulator_bound']} < 2^31"
        return f"{self.op.name}   {self.op.kind}   {operands} -> {_described(self.graph[self.op.output])}\n * {where}"

    def _place(self, name: str) -> str:
        placement = self.plan.placements[name]
        if placement.region != "arena":
            return placement.region
        return f"arena [{placement.offset}, {placement.offset + self.graph[name].n_bytes})"


class _KnownAnswer:
    """One input with the reference's output, stored for the self-test."""

    def __init__(self, graph: Graph, constants: Constants, known_inputs: Sequence[NDArray[Any]]) -> None:
        inputs = [np.ascontiguousarray(value)[None] for value in known_inputs]
        values = interpret(graph, inputs)
        self.inputs = {f"{graph.name}_known_{name}": values[name][0] for name in graph.inputs}
        self.outputs = {f"{graph.name}_known_{name}": values[name][0] for name in graph.outputs}
        crc = 0
        for array in constants.arrays.values():
            crc = zlib.crc32(array.tobytes(), crc)
        self.weights_crc = crc


# ---- files -----------------------------------------------------------------------------------------------------------


def _header(graph: Graph, plan: MemoryPlan, constants: Constants) -> str:
    name, macro = graph.name, graph.name.upper()
    lines = [
        f"/* {_generated_by(graph, constants)}",
        *(f" * In:  {_described(graph[tensor], named=True)}" for tensor in graph.inputs),
        *(f" * Out: {_described(graph[tensor], named=True)}" for tensor in graph.outputs),
        f" * Flash {constants.n_bytes} B constants.   RAM {plan.arena_bytes} B arena, peak at {plan.peak_op}. */",
        f"#ifndef {macro}_H",
        f"#define {macro}_H",
        "",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f'#define {macro}_VERSION "{_version()}"',
        f'#define {macro}_WEIGHTS_SHA256 "{constants.sha256}"',
        f"#define {macro}_ARENA_BYTES {unsigned(plan.arena_bytes)}",
        f"#define {macro}_STATE_BYTES 0U",
    ]
    for tensor in (graph[tensor] for tensor in (*graph.inputs, *graph.outputs)):
        lines += _port_macros(f"{macro}_{identifier(tensor.name).upper()}", tensor)
    lines += [
        "",
        "/* What a call answers. */",
        f"typedef enum {name}_status {{",
        f"    {macro}_OK = 0,",
        f"    {macro}_ERROR_NULL = 1,      /* a pointer was null; nothing was done */",
        f"    {macro}_ERROR_WEIGHTS = 2,   /* self-test: the constants in flash are damaged */",
        f"    {macro}_ERROR_ANSWER = 3     /* self-test: the known input gave another output */",
        f"}} {name}_status;",
        "",
        "/* All memory the model needs, owned by the caller. sizeof gives its bytes; the content is private. */",
        f"typedef struct {name}_context {{",
        "    union {",
        f"        uint8_t bytes[{_context_bytes(plan)}];",
        "        uint32_t align;",
        "    } arena;",
        f"}} {name}_context;",
        "",
        f"{name}_status {name}_init({name}_context *ctx);",
        f"{name}_status {name}_reset({name}_context *ctx);",
        "/* Run one window. Buffers belong to the caller and must not overlap. int16 inputs lie in -32767..32767. */",
        f"{name}_status {name}_invoke({_signature(graph)});",
        "/* Check the constants and one known answer on this very device. */",
        f"{name}_status {name}_selftest({name}_context *ctx);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _source(
    graph: Graph, plan: MemoryPlan, constants: Constants, functions: Sequence[_OpFunction], known: _KnownAnswer
) -> str:
    name, macro = graph.name, graph.name.upper()
    ports = [*graph.inputs, *graph.outputs]
    nulls = " || ".join(f"({pointer} == 0)" for pointer in ("ctx", *ports))
    uses_arena = any("arena" in function._buffers() for function in functions)
    return "\n".join(
        [
            f"/* {_generated_by(graph, constants)} */",
            f'#include "{name}.h"',
            f'#include "{name}_kernels.h"',
            f'#include "{name}_weights.h"',
            "",
            *(function.definition() for function in functions),
            f"{name}_status {name}_init({name}_context *ctx)",
            "{",
            f"    return {name}_reset(ctx);",
            "}",
            "",
            "/* A window carries no state from one call to the next. */",
            f"{name}_status {name}_reset({name}_context *ctx)",
            "{",
            f"    return (ctx == 0) ? {macro}_ERROR_NULL : {macro}_OK;",
            "}",
            "",
            f"{name}_status {name}_invoke({_signature(graph)})",
            "{",
            f"    if ({nulls}) {{",
            f"        return {macro}_ERROR_NULL;",
            "    }",
            *([] if uses_arena else ["    (void)ctx;"]),
            *(function.invocation() for function in functions),
            f"    return {macro}_OK;",
            "}",
            "",
            _selftest(graph, constants, known),
        ]
    )


def _selftest(graph: Graph, constants: Constants, known: _KnownAnswer) -> str:
    name, macro = graph.name, graph.name.upper()
    lines = [f"{name}_status {name}_selftest({name}_context *ctx)", "{"]
    for tensor in (graph[output] for output in graph.outputs):
        lines.append(f"    {C_TYPES[tensor.dtype]} {tensor.name}[{tensor.size}];")
    if constants.arrays:
        lines += [
            "    uint32_t crc = 0xFFFFFFFFU;",
            f"    for (uint32_t i = 0U; i < {unsigned(len(constants.arrays))}; i++) {{",
            f"        crc = crc32_update(crc, {name}_constants[i].data, {name}_constants[i].n_bytes);",
            "    }",
            f"    if ((crc ^ 0xFFFFFFFFU) != 0x{known.weights_crc:08X}U) {{",
            f"        return {macro}_ERROR_WEIGHTS;",
            "    }",
        ]
    arguments = ", ".join(["ctx", *known.inputs, *graph.outputs])
    lines += [
        f"    if ({name}_invoke({arguments}) != {macro}_OK) {{",
        f"        return {macro}_ERROR_NULL;",
        "    }",
    ]
    for output in graph.outputs:
        tensor = graph[output]
        expected = f"{name}_known_{output}[i]"
        actual = f"{output}[i]"
        differs = f"{actual} != {expected}"
        if tensor.is_float:
            above, below = (f"{a} - {b} <= {_FLOAT_TOLERANCE}f" for a, b in ((actual, expected), (expected, actual)))
            differs = f"!(({above}) && ({below}))"
        lines += [
            f"    for (uint32_t i = 0U; i < {unsigned(tensor.size)}; i++) {{",
            f"        if ({differs}) {{",
            f"            return {macro}_ERROR_ANSWER;",
            "        }",
            "    }",
        ]
    return "\n".join([*lines, f"    return {macro}_OK;", "}", ""])


def _weights(graph: Graph, constants: Constants, known: _KnownAnswer) -> str:
    macro = f"{graph.name.upper()}_WEIGHTS_H"
    answers = [array_definition(symbol, array) for symbol, array in (*known.inputs.items(), *known.outputs.items())]
    return "\n".join(
        [
            f"/* {_generated_by(graph, constants)} */",
            f"#ifndef {macro}",
            f"#define {macro}",
            "",
            "#include <stdint.h>",
            "",
            constants.header(),
            "/* For the self-test alone; left out by the linker where that is not called. */",
            *_constants_table(graph, constants),
            *answers,
            "#endif",
            "",
        ]
    )


def _constants_table(graph: Graph, constants: Constants) -> list[str]:
    """Return the table of all constants, in the order in which their CRC is taken."""
    if not constants.arrays:
        return []
    return [
        f"static const struct {{ const void *data; uint32_t n_bytes; }} {graph.name}_constants[] = {{",
        *(f"    {{{symbol}, (uint32_t)sizeof({symbol})}}," for symbol in constants.arrays),
        "};",
        "",
    ]


def _kernel_text(kernels: Iterable[str]) -> str:
    """Return the kernel files that are needed, each after those it includes, as one header."""
    folder = resources.files("smidgen.codegen") / "kernels"
    texts: dict[str, str] = {}

    def visit(kernel: str) -> None:
        if kernel in texts:
            return
        text = (folder / f"{kernel}.h").read_text()
        for included in re.findall(r'^#include "(\w+)\.h"$', text, flags=re.MULTILINE):
            visit(included)
        texts[kernel] = re.sub(r'^#include "\w+\.h"\n', "", text, flags=re.MULTILINE)

    for kernel in kernels:
        visit(kernel)
    return "\n".join(texts.values())


# ---- pieces ----------------------------------------------------------------------------------------------------------


def _generated_by(graph: Graph, constants: Constants) -> str:
    return f"Generated by smidgen {_version()} from {graph.name} (weights sha256 {constants.sha256[:8]}). Do not edit."


def _version() -> str:
    return metadata.version("smidgen")


def _context_bytes(plan: MemoryPlan) -> int:
    return max(plan.arena_bytes, 4)


def _port(tensor: Tensor) -> Port:
    return Port(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape)


def _parameter(graph: Graph, region: str) -> str:
    if region == "arena":
        return "uint8_t *arena"
    const = "const " if region in graph.inputs else ""
    return f"{const}{C_TYPES[graph[region].dtype]} *{region}"


def _signature(graph: Graph) -> str:
    ports = [_parameter(graph, name) for name in (*graph.inputs, *graph.outputs)]
    return ", ".join([f"{graph.name}_context *ctx", *ports])


def _port_macros(prefix: str, tensor: Tensor) -> list[str]:
    lines = [f"#define {prefix}_SIZE {unsigned(tensor.size)}"]
    lines += [f"#define {prefix}_DIM{axis} {unsigned(size)}" for axis, size in enumerate(tensor.shape)]
    if tensor.qparams is not None:
        lines += [
            f"#define {prefix}_SCALE {tensor.qparams.scale!r}",
            f"#define {prefix}_ZERO_POINT ({tensor.qparams.zero_point})",
        ]
    return lines


def _described(tensor: Tensor, *, named: bool = False) -> str:
    shape = ", ".join(map(str, tensor.shape))
    name = f"{tensor.name} " if named else ""
    scale = f", scale {tensor.qparams.scale:.6g}" if named and tensor.qparams else ""
    return f"{name}{tensor.dtype} ({shape}){scale}"


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
