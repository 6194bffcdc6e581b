"""Run generated programs on emulated cores with and without the DSP extension, on hostile inputs."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import Program
from smidgen.ir import Graph
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image

CORES = ("cortex-m4", "cortex-m33", "cortex-m3", "cortex-m0plus", "rv32imc")


def hostile_inputs(graph: Graph) -> list[NDArray[np.int8]]:
    """Return random samples, samples of the two ends only, and all of one end, for a graph of int8 inputs."""
    random = np.random.default_rng(1)
    inputs = []
    for shape in (graph[name].shape for name in graph.inputs):
        drawn = random.integers(-128, 128, (4, *shape)), random.choice([-128, 127], (4, *shape))
        inputs.append(np.concatenate([*drawn, np.full((1, *shape), -128), np.full((1, *shape), 127)]).astype(np.int8))
    return inputs


def run_on_core(
    core: str, program: Program, inputs: list[NDArray[np.int8]], *, right: str = "", wrong: str = ""
) -> list[NDArray[np.generic]]:
    """Return what a program answers on an emulated core; `right` in its kernels is replaced by `wrong`."""
    files = {name: text.replace(right, wrong) if right else text for name, text in program.files.items()}
    target = replace(find_target(core), ram_bytes=1 << 20, flash_bytes=1 << 20)
    faulty = replace(program, files=files)
    return list(Emulator(build_image(faulty, target), faulty).run(inputs))
