"""The self-test that a program carries: are its constants whole, and does it give the known answer on this device?"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.c_text import C_TYPES, floating, unsigned
from smidgen.codegen.weights import Constants
from smidgen.ir.graph import Graph
from smidgen.ir.interpret import interpret

#: Part of the largest output by which a float self-test may be off, as another compiler may have built it.
_FLOAT_TOLERANCE = 1e-4


class KnownAnswer:
    """One input with the reference's output, stored for the self-test."""

    def __init__(self, graph: Graph, constants: Constants, known_inputs: Sequence[NDArray[Any]]) -> None:
        inputs = [np.ascontiguousarray(value)[None] for value in known_inputs]
        values = interpret(graph, inputs)
        self.inputs = {f"{graph.name}_known_{name}": values[name][0] for name in graph.inputs}
        self.outputs = {f"{graph.name}_known_{name}": values[name][0] for name in graph.outputs}
        self.weights_crc = _crc32(constants.arrays.values())
        self.outputs_crc = _crc32(self.outputs.values())

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Inputs, then outputs, by C symbol."""
        return self.inputs | self.outputs


def _crc32(arrays: Iterable[NDArray[Any]]) -> int:
    crc = 0
    for array in arrays:
        crc = zlib.crc32(array.tobytes(), crc)
    return crc


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


def selftest_function(graph: Graph, constants: Constants, known: KnownAnswer) -> str:
    """Return `<name>_selftest`: the CRC of all constants, then one known answer."""
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
            largest = float(np.abs(known.outputs[f"{name}_known_{output}"]).max())
            tolerance = floating(_FLOAT_TOLERANCE * largest)
            above, below = (f"{a} - {b} <= {tolerance}" for a, b in ((actual, expected), (expected, actual)))
            differs = f"!(({above}) && ({below}))"
        lines += [
            f"    for (uint32_t i = 0U; i < {unsigned(tensor.size)}; i++) {{",
            f"        if ({differs}) {{",
            f"            return {macro}_ERROR_ANSWER;",
            "        }",
            "    }",
        ]
    return "\n".join([*lines, f"    return {macro}_OK;", "}", ""])
