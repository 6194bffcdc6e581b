"""What a program is made for decides its code, never a byte of what it answers."""

import pytest
from graphs import every_float_operator, every_integer_operator, samples
from system_tools import needs

from smidgen.codegen import OPTIMIZATIONS, Program, emit, find_optimization
from smidgen.errors import ConfigError
from smidgen.ir import Graph, interpret
from smidgen.passes import fold, plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, build_image, compare
from smidgen.verification.gcc import compile_strictly

GRAPHS = {"integer": fold(every_integer_operator()), "float32": fold(every_float_operator())}


def program_of(graph: Graph, optimize: str) -> Program:
    """Return the C of a graph, with a sample as its known answer."""
    return emit(graph, plan_memory(graph), known_inputs=[x[5] for x in samples(graph, 6)], optimize=optimize)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
@pytest.mark.parametrize("optimize", ["speed", "size"])
def test_every_operator_answers_the_same(graph: Graph, core: str, optimize: str) -> None:
    """All operators on two cores, silent under the strict flags; the self-test passes."""
    program, inputs = program_of(graph, optimize), samples(graph, 4)
    emulator = Emulator(build_image(program, find_target(core)), program)
    values = interpret(graph, inputs)
    found = compare([values[name] for name in graph.outputs], emulator.run(inputs), graph.outputs)
    assert found.mismatched_bytes == 0


def test_size_takes_half_the_code_and_speed_the_fewest_instructions() -> None:
    """Of all operators, which share kernels: measured on a Cortex-M4."""
    graph = GRAPHS["integer"]
    inputs = [value[:2] for value in samples(graph, 4)]
    costs = {}
    for optimize in OPTIMIZATIONS:
        program = program_of(graph, optimize)
        costs[optimize] = Emulator(build_image(program, find_target("cortex-m4")), program).measure(inputs)
    code = {optimize: cost.code_bytes or 0 for optimize, cost in costs.items()}
    instructions = {optimize: cost.instructions or 0 for optimize, cost in costs.items()}
    assert code["size"] < code["balanced"] / 2
    assert instructions["speed"] <= instructions["balanced"] < instructions["size"]


@needs("gcc")
@pytest.mark.parametrize("optimize", OPTIMIZATIONS)
def test_another_compiler_is_silent_too(optimize: str) -> None:
    """gcc, whose inliner draws other conclusions."""
    compile_strictly(program_of(GRAPHS["integer"], optimize), "gcc")


def test_a_choice_that_there_is_not_is_refused() -> None:
    """With the nearest that there is."""
    for make in (find_optimization, lambda name: program_of(GRAPHS["integer"], name)):
        with pytest.raises(ConfigError, match=r"cannot be optimized for 'sise'; .*size"):
            make("sise")
