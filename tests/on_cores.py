"""Hold the C of a graph against the reference on emulated cores, on random inputs and at the ends of their ranges."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen import Program, emit
from smidgen.ir import Graph, Op, interpret
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.nibbles import pack_nibbles
from smidgen.passes import plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

#: With the DSP extension, without, of few registers, and of another architecture.
CORES = ("cortex-m4", "cortex-m33", "cortex-m3", "cortex-m0plus", "rv32imc")


def with_extreme_weights(graph: Graph) -> Graph:
    """Return the graph with weights of the two ends only: of +-127, of +-7, or of a palette."""
    random = np.random.default_rng(0)

    def extreme(op: Op) -> Mapping[str, NDArray[Any]]:
        if "packed" not in op.params:
            return {"weight": random.choice([-127, 127], op.params["weight"].shape).astype(np.int8)}
        rows, n_bytes = op.params["packed"].shape
        if "levels" not in op.params:
            return {"packed": pack_nibbles(random.choice([7, 9], (rows, 2 * n_bytes)))}
        levels = np.linspace(-127, 127, 16).astype(np.int8)
        return {"packed": pack_nibbles(random.choice([0, 15], (rows, 2 * n_bytes))), "levels": levels}

    return replace(graph, ops=tuple(replace(op, params={**op.params, **extreme(op)}) for op in graph.ops))


def hostile_inputs(graph: Graph) -> list[NDArray[np.integer]]:
    """Return ten samples for each integer input: random, of the two ends, of ends and zeros, all of one end."""
    random = np.random.default_rng(1)
    inputs = []
    for tensor in (graph[name] for name in graph.inputs):
        low, high = integer_range(tensor.dtype)
        shape = tensor.shape
        drawn = (
            random.integers(low, high + 1, (4, *shape)), random.choice([low, high], (2, *shape)),
            random.choice([low, 0, high], (2, *shape)), np.full((1, *shape), low), np.full((1, *shape), high),
        )  # fmt: skip
        inputs.append(np.concatenate(drawn).astype(tensor.dtype))
    return inputs


def check_on_core(graph: Graph, core: str) -> Program:
    """Raise AssertionError where a core gives other bytes than the reference; return the program that it ran."""
    inputs = hostile_inputs(graph)
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    for name, actual in zip(graph.outputs, run_on_core(core, program, inputs), strict=True):
        np.testing.assert_array_equal(expected[name], actual)
    return program


def run_on_core(
    core: str, program: Program, inputs: list[NDArray[np.integer]], *, right: str = "", wrong: str = ""
) -> list[NDArray[np.generic]]:
    """Return what a program answers on an emulated core; `right` in its kernels is replaced by `wrong`."""
    files = {name: text.replace(right, wrong) if right else text for name, text in program.files.items()}
    target = replace(find_target(core), ram_bytes=1 << 20, flash_bytes=1 << 20)
    faulty = replace(program, files=files)
    return list(Emulator(build_image(faulty, target), faulty).run(inputs))
