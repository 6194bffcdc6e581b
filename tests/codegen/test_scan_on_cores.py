"""The fast selective scan gives the bytes of the reference on cores with and without the DSP extension."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import INT16, SYMMETRIC, GraphMaker

from smidgen.codegen import emit
from smidgen.ir import Graph, interpret
from smidgen.numerics.quantization import QParams
from smidgen.passes import plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

STEPS = 5
#: Channels, heads, groups, states: blocks of four, a rest of states, heads of several channels, several groups.
SHAPES = ((4, 4, 1, 8), (3, 3, 1, 6), (6, 3, 2, 4), (4, 2, 1, 7))


def scans(form: str) -> Graph:
    """Return scans of every shape and type side by side; `form` tells how the decays of a head follow each other."""
    maker = GraphMaker("scans", seed=5)
    outputs = []
    for index, (channels, heads, groups, states) in enumerate(SHAPES):
        u = maker.input(f"u{index}", STEPS, channels, qparams=SYMMETRIC if index % 2 else INT16)
        delta, B, C = (
            maker.input(f"{name}{index}", STEPS, width, qparams=INT16)
            for name, width in (("delta", heads), ("B", groups * states), ("C", groups * states))
        )
        y = INT16 if index % 2 else QParams(dtype="int8", scale=2.0**-3, zero_point=5)
        outputs.append(maker.selective_scan(u, delta, B, C, y, groups=groups, form=form))
    return maker.graph(*outputs)


@pytest.mark.parametrize("form", ["each", "equal", "powers"])
@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m33", "cortex-m3", "cortex-m0plus", "rv32imc"])
def test_cores_equal_the_reference(core: str, form: str) -> None:
    """Random inputs, and inputs at the ends of their ranges, where states and outputs saturate."""
    graph = scans(form)
    random = np.random.default_rng(1)
    inputs = []
    for tensor in (graph[name] for name in graph.inputs):
        end = np.iinfo(tensor.dtype).max
        drawn = random.integers(-end, end + 1, (2, *tensor.shape)), random.choice([-end, 0, end], (2, *tensor.shape))
        inputs.append(np.concatenate([*drawn, np.full((1, *tensor.shape), end)]).astype(tensor.dtype))
    expected = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in inputs])
    target = replace(find_target(core), ram_bytes=1 << 20, flash_bytes=1 << 20)
    found = Emulator(build_image(program, target), program).run(inputs)
    for name, actual in zip(graph.outputs, found, strict=True):
        np.testing.assert_array_equal(expected[name], actual)
