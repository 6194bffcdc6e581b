"""Many small programs in one translation unit, so that a compiler starts once for dozens of random graphs."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from graphs import samples
from numpy.typing import NDArray

from smidgen.codegen import Program, emit
from smidgen.codegen.c_text import C_TYPES
from smidgen.ir import Graph, graph_text, interpret
from smidgen.passes import fold, plan_memory
from smidgen.verification import STRICT_FLAGS
from smidgen.verification.zig import build

Array = NDArray[Any]

#: Undefined behaviour ends the process with a signal: overflow, bad shifts, misalignment, indices beyond arrays.
_FLAGS = [
    "-mcpu=baseline", "-O1", "-ffp-contract=off", "-fno-math-errno", "-fsanitize=undefined",
    "-fsanitize-trap=undefined", *STRICT_FLAGS, "-I.",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One graph with its program, its inputs and what the reference gives before any pass."""

    graph: Graph  # as drawn
    program: Program
    inputs: list[Array]
    expected: list[Array]

    def describe(self, found: Sequence[Array]) -> str:
        """Return the graph as text with the outputs that differ."""
        lines = [graph_text(self.graph)]
        for name, right, wrong in zip(self.graph.outputs, self.expected, found, strict=True):
            if right.tobytes() != wrong.tobytes():
                lines.append(f"{name}: expected {right.tolist()}, got {wrong.tolist()}")
        return "\n".join(lines)


def make_case(graph: Graph, index: int, n: int = 5) -> Case:
    """Run a graph through the passes and the generator under a name of its own."""
    graph = replace(graph, name=f"g{index}")
    inputs = samples(graph, n, seed=index)
    reference = interpret(graph, inputs)
    folded = fold(graph)
    program = emit(folded, plan_memory(folded), known_inputs=[array[3] for array in inputs])
    return Case(
        graph=graph, program=program, inputs=inputs, expected=[reference[name] for name in graph.outputs]
    )  # fmt: skip


def run_together(cases: Sequence[Case]) -> list[list[Array]]:
    """Compile all programs as one executable, run each on its inputs and its self-test, and return their outputs.

    Fails, naming the graph, where a program is ended by a signal or answers a status that is not 0.
    """
    with tempfile.TemporaryDirectory() as folder:  # never built twice, so that the cache would only grow
        sources: dict[str, str] = {"all.c": _together(cases)}
        for case in cases:
            sources.update(case.program.files)
        products = build(sources, [["cc", *_FLAGS, "all.c", "-o", "all"]], Path(folder))
        return [_run(products / "all", index, case) for index, case in enumerate(cases)]


def _run(executable: Path, index: int, case: Case) -> list[Array]:
    n = len(case.inputs[0])
    samples_bytes = b"".join(array[sample].tobytes() for sample in range(n) for array in case.inputs)
    done = subprocess.run([executable, str(index), str(n)], input=samples_bytes, capture_output=True, timeout=60)
    assert done.returncode == 0, f"ended with {done.returncode}\n{graph_text(case.graph)}"
    outputs = [np.zeros((n, *port.shape), port.dtype) for port in case.program.outputs]
    position = 0
    for sample in range(n):
        for array in outputs:
            part = done.stdout[position : position + array[sample].nbytes]
            array[sample] = np.frombuffer(part, array.dtype).reshape(array[sample].shape)
            position += len(part)
    assert position == len(done.stdout)
    return outputs


def _together(cases: Sequence[Case]) -> str:
    """Return C that includes every program, reads inputs from stdin and writes outputs to stdout.

    Kernels have include guards, so that programs share them.
    """
    lines = ["#include <stdio.h>", "#include <stdlib.h>"]
    for case in cases:
        name, inputs, outputs = case.program.name, case.program.inputs, case.program.outputs
        ports = [f"{name}_{port.name}" for port in (*inputs, *outputs)]
        lines += [f'#include "{name}.c"', f"static {name}_context {name}_ctx;"]
        lines += [
            f"static {C_TYPES[port.dtype]} {buffer}[{max(1, prod(port.shape))}];"
            for port, buffer in zip((*inputs, *outputs), ports, strict=True)
        ]
        lines += [f"static int {name}_run(void)", "{"]
        for buffer in ports[: len(inputs)]:
            lines += [f"    if (fread({buffer}, sizeof({buffer}), 1U, stdin) != 1U) {{", "        return -2;", "    }"]
        lines += [
            f"    (void){name}_init(&{name}_ctx);",
            f"    const int status = (int){name}_invoke(&{name}_ctx, {', '.join(ports)});",
            *(f"    (void)fwrite({buffer}, sizeof({buffer}), 1U, stdout);" for buffer in ports[len(inputs) :]),
            "    return status;",
            "}",
            f"static int {name}_check(void)",
            "{",
            f"    (void){name}_init(&{name}_ctx);",
            f"    return (int){name}_selftest(&{name}_ctx);",
            "}",
        ]
    for function in ("run", "check"):
        table = ", ".join(f"{case.program.name}_{function}" for case in cases)
        lines.append(f"static int (*const {function}[])(void) = {{{table}}};")
    lines += [
        "int main(int argc, char **argv)",
        "{",
        "    const int which = (argc > 1) ? atoi(argv[1]) : 0;",
        "    const int n = (argc > 2) ? atoi(argv[2]) : 0;",
        "    for (int i = 0; i < n; i++) {",
        "        const int status = run[which]();",
        "        if (status != 0) {",
        "            return 1;",
        "        }",
        "    }",
        "    return (check[which]() == 0) ? 0 : 2;",
        "}",
        "",
    ]
    return "\n".join(lines)
