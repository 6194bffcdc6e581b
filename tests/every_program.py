"""Programs with every kind of operator, windows and steps, with samples and what the reference makes of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from graph_maker import Array
from graphs import every_float_operator, every_integer_operator, every_step_operator, samples

from smidgen.codegen import Program, emit
from smidgen.ir import Graph, interpret, interpret_frames
from smidgen.passes import plan_memory
from smidgen.verification import compare

_SAMPLES = 12


@dataclass(frozen=True, kw_only=True)
class EveryOperator:
    """One program and its proof."""

    program: Program
    outputs: tuple[str, ...]
    inputs: list[Array]
    expected: list[Array]

    def mismatched_bytes(self, run: Callable[[list[Array]], list[Array]]) -> int:
        """Compare what `run` makes of the samples with the reference."""
        return compare(self.expected, run(self.inputs), self.outputs).mismatched_bytes


@cache
def every_program() -> dict[str, EveryOperator]:
    """Return the programs by what they hold."""
    return {
        "integer": _window(every_integer_operator()),
        "float32": _window(every_float_operator()),
        "integer steps": _steps(every_step_operator()),
        "float32 steps": _steps(every_step_operator("stepped_floats", is_float=True)),
    }


PROGRAMS = ("integer", "float32", "integer steps", "float32 steps")


def _window(graph: Graph) -> EveryOperator:
    inputs = samples(graph, _SAMPLES)
    values = interpret(graph, inputs)
    program = emit(graph, plan_memory(graph), known_inputs=[array[5] for array in inputs])
    expected = [values[name] for name in graph.outputs]
    return EveryOperator(program=program, outputs=graph.outputs, inputs=inputs, expected=expected)


def _steps(graph: Graph) -> EveryOperator:
    inputs = samples(graph, _SAMPLES, seed=3)
    values = interpret_frames(graph, [array[None] for array in inputs])
    program = emit(graph, plan_memory(graph), known_inputs=[array[:6] for array in inputs])
    expected = [values[name][0] for name in graph.outputs]
    return EveryOperator(program=program, outputs=graph.outputs, inputs=inputs, expected=expected)
