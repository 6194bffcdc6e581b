"""The self-test that a program carries: are its constants whole, and does it give the known answer on this device?"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.c_text import C_TYPES, SUFFIXES, arena_view, floating, unsigned
from smidgen.codegen.header import entry_point
from smidgen.codegen.weights import Constants
from smidgen.errors import GraphError
from smidgen.ir.graph import Graph, Tensor
from smidgen.ir.interpret import interpret, interpret_frames
from smidgen.passes.memory_plan import MemoryPlan

#: Part of the largest output by which a float self-test may be off, as another compiler may have built it.
_FLOAT_TOLERANCE = 1e-4


class KnownAnswer:
    """Inputs with the reference's outputs, stored for the self-test: one window, or the first frames from reset."""

    def __init__(self, graph: Graph, constants: Constants, known_inputs: Sequence[NDArray[Any]]) -> None:
        inputs = [np.asarray(value, order="C") for value in known_inputs]
        answers = _stepped(graph, inputs) if graph.is_step else _interpreted(graph, inputs)
        _require_finite(graph, answers)
        self.n_frames = len(inputs[0]) if graph.is_step else 1
        self.n_answers = len(answers[graph.outputs[0]]) if graph.is_step else 1
        self.inputs = {f"{graph.name}_known_{name}": value for name, value in zip(graph.inputs, inputs, strict=True)}
        self.outputs = {f"{graph.name}_known_{name}": answers[name] for name in graph.outputs}
        self.weights_crc = _crc32(constants.arrays.values())
        outputs = self.outputs.values()
        in_order = (output[i] for i in range(self.n_answers) for output in outputs) if graph.is_step else outputs
        self.outputs_crc = _crc32(in_order)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Inputs, then outputs, by C symbol."""
        return self.inputs | self.outputs


def _require_finite(graph: Graph, answers: Mapping[str, NDArray[Any]]) -> None:
    """Raise GraphError where an answer is infinite or no number: no self-test could compare it."""
    for name, answer in answers.items():
        if not np.isfinite(answer).all():
            raise GraphError(
                f"graph {graph.name}: its output {name} is infinite or no number for the known inputs, so that no "
                "self-test can be made of them; give others, or look for the operator that overflows"
            )


def _crc32(arrays: Iterable[NDArray[Any]]) -> int:
    crc = 0
    for array in arrays:
        crc = zlib.crc32(array.tobytes(), crc)
    return crc


def _interpreted(graph: Graph, inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    values = interpret(graph, [value[None] for value in inputs])
    return {name: np.atleast_1d(values[name][0]) for name in graph.outputs}


def _stepped(graph: Graph, inputs: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: answers[0] for name, answers in interpret_frames(graph, [value[None] for value in inputs]).items()}


def constants_table(graph: Graph, constants: Constants) -> list[str]:
    """Return the table of all constants, in the order in which their CRC is taken."""
    if not constants.arrays:
        return []
    return [
        f"static const struct {{ const void *data; uint32_t n_bytes; }} {graph.name}_constants[] = {{",
        *(f"    {{{symbol}, (uint32_t)sizeof({symbol})}}," for symbol in constants.arrays),
        "};",
        "",
    ]


def selftest_function(graph: Graph, plan: MemoryPlan, constants: Constants, known: KnownAnswer) -> str:
    """Return `<name>_selftest`: the CRC of all constants, then the known answer; it leaves a step program reset."""
    name, macro = graph.name, graph.name.upper()
    lines = [
        f"{name}_status {name}_selftest({name}_context *ctx)",
        "{",
        *(f"    {_output_variable(graph[output], plan)};" for output in graph.outputs),
    ]
    if graph.is_step:
        lines.append("    uint32_t answer = 0U;")
    if constants.arrays:
        lines += [
            "    uint32_t crc = 0xFFFFFFFFU;",
            "    SMIDGEN_ROLLED",
            f"    for (uint32_t i = 0U; i < {unsigned(len(constants.arrays))}; i++) {{",
            f"        crc = crc32_update(crc, {name}_constants[i].data, {name}_constants[i].n_bytes);",
            "    }",
            f"    if ((crc ^ 0xFFFFFFFFU) != 0x{known.weights_crc:08X}U) {{",
            f"        return {macro}_ERROR_WEIGHTS;",
            "    }",
        ]
    if graph.is_step:
        lines += [
            f"    if ({name}_reset(ctx) != {macro}_OK) {{",
            f"        return {macro}_ERROR_NULL;",
            "    }",
            "    SMIDGEN_ROLLED",
            f"    for (uint32_t frame = 0U; frame < {unsigned(known.n_frames)}; frame++) {{",
            *(f"    {line}" for line in _answer(graph, known)),
            "    }",
            f"    return (answer == {unsigned(known.n_answers)}) ? {name}_reset(ctx) : {macro}_ERROR_ANSWER;",
        ]
    else:
        lines += [*_answer(graph, known), f"    return {macro}_OK;"]
    return "\n".join([*lines, "}", ""])


def _output_variable(output: Tensor, plan: MemoryPlan) -> str:
    """Return the declaration of what takes an output: a local array, or a part of the arena where it is large."""
    if output.name not in plan.known_outputs:
        return f"{C_TYPES[output.dtype]} {output.name}[{output.size}]"
    view = arena_view(output.dtype, "ctx->arena.bytes", plan.known_outputs[output.name])
    return f"smidgen_{SUFFIXES[output.dtype]} *const {output.name} = (ctx == NULL) ? NULL : {view}"


def _answer(graph: Graph, known: KnownAnswer) -> list[str]:
    """Return the statements that run one known input, that of `frame` in a step graph, and compare its outputs."""
    name, macro = graph.name, graph.name.upper()

    inputs = [
        f"&{symbol}[frame * {unsigned(graph[port].size)}]" if graph.is_step else symbol
        for symbol, port in zip(known.inputs, graph.inputs, strict=True)
    ]
    call = f"{name}_{entry_point(graph)}({', '.join(['ctx', *inputs, *graph.outputs])})"
    if graph.is_step:
        lines = [
            f"    const {name}_status status = {call};",
            f"    if (status == {macro}_PENDING) {{",
            "        continue;",
            "    }",
            f"    if ((status != {macro}_OK) || (answer == {unsigned(known.n_answers)})) {{",
            f"        return {macro}_ERROR_ANSWER;",
            "    }",
        ]
    else:
        lines = [f"    if ({call} != {macro}_OK) {{", f"        return {macro}_ERROR_NULL;", "    }"]
    for output in graph.outputs:
        tensor = graph[output]
        symbol = f"{name}_known_{output}"
        expected = f"{symbol}[{f'(answer * {unsigned(tensor.size)}) + ' if graph.is_step else ''}i]"
        actual = f"{output}[i]"
        differs = f"{actual} != {expected}"
        if tensor.is_float:
            largest = float(np.abs(known.outputs[symbol]).max())
            tolerance = floating(_FLOAT_TOLERANCE * largest)
            above, below = (f"({a} - {b}) <= {tolerance}" for a, b in ((actual, expected), (expected, actual)))
            differs = f"!(({above}) && ({below}))"
        lines += [
            "    SMIDGEN_ROLLED",
            f"    for (uint32_t i = 0U; i < {unsigned(tensor.size)}; i++) {{",
            f"        if ({differs}) {{",
            f"            return {macro}_ERROR_ANSWER;",
            "        }",
            "    }",
        ]
    return [*lines, "    answer++;"] if graph.is_step else lines
