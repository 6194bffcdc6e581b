"""Layer by layer, this machine sees what the emulated core sees and what the reference computes."""

from dataclasses import replace

import numpy as np
import pytest
from graphs import every_float_operator, every_integer_operator, samples

from smidgen.codegen import Program, emit
from smidgen.errors import DataError
from smidgen.ir import Graph, interpret
from smidgen.passes import plan_memory
from smidgen.targets import find_target
from smidgen.verification import Emulator, TracedHostModel, build_image

GRAPHS = {"integer": every_integer_operator(), "float32": every_float_operator()}


def program_of(graph: Graph) -> Program:
    return emit(graph, plan_memory(graph), known_inputs=[values[0] for values in samples(graph, 4)])


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_every_layer_is_seen_with_its_bytes(graph: Graph) -> None:
    """Every layer's result, on the host and on a core, is the reference's; no layer is left out."""
    program = program_of(graph)
    inputs = [values[3:4] for values in samples(graph, 4)]
    values = interpret(graph, inputs)
    expected = {
        layer.result.tensor: np.ascontiguousarray(values[layer.result.tensor][0]).tobytes()
        for layer in program.layers
        if layer.result is not None
    }
    assert len(expected) == len(program.layers)
    assert TracedHostModel(program).trace(inputs) == expected
    assert Emulator(build_image(program, find_target("cortex-m4")), program).trace(inputs) == expected


def test_a_planted_fault_shows_in_its_layer() -> None:
    """The first layer whose bytes differ is the one whose C was changed."""
    graph = every_integer_operator()
    program = program_of(graph)
    wrong_at = 7
    function = program.layers[wrong_at].function
    source = program.files[f"{graph.name}.c"]
    call = next(line for line in source.splitlines() if line.strip().startswith(f"{function}(") and line.endswith(";"))
    place = program.layers[wrong_at].result
    assert place is not None
    assert place.region == "arena"
    wrong = f"{call}\n    ctx->arena.bytes[{place.offset}] ^= 1U;"
    planted = replace(program, files={**program.files, f"{graph.name}.c": source.replace(call, wrong)})
    inputs = [values[3:4] for values in samples(graph, 4)]
    right, actual = TracedHostModel(program).trace(inputs), TracedHostModel(planted).trace(inputs)
    assert next(name for name in right if right[name] != actual[name]) == place.tensor


def test_a_trace_follows_the_last_sample() -> None:
    """What came before does not show in a program that keeps no state; without a sample there is nothing to follow."""
    graph = every_integer_operator()
    model = TracedHostModel(program_of(graph))
    inputs = samples(graph, 4)
    assert model.trace([values[3:] for values in inputs]) == model.trace(inputs)
    with pytest.raises(DataError, match="a trace follows a sample that gives outputs; the last of 0 gives none"):
        model.trace([values[:0] for values in inputs])
