"""Deliveries of the graphs that the tests draw, and how their folders are built and run."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from graph_maker import INT8, GraphMaker
from graphs import every_float_operator, every_integer_operator, every_step_operator, samples

from smidgen.codegen import emit
from smidgen.delivery import Delivery
from smidgen.ir import Graph
from smidgen.passes import plan_memory
from smidgen.records import Measurement
from smidgen.targets import find_target

#: Every operator, in every arithmetic, and those that carry a state.
GRAPHS = {"integer": every_integer_operator(), "float32": every_float_operator(), "steps": every_step_operator()}


def small_graph(name: str = "tiny", *, width: int = 3, seed: int = 0) -> Graph:
    """Return one linear layer; the seed decides its weights."""
    m = GraphMaker(name, seed=seed)
    return m.graph(m.linear(m.input("x", 4, qparams=INT8), width))


def delivery_of(graph: Graph, *, recipe: str = "int8", cycles_estimate: int | None = 1000) -> Delivery:
    """Return a graph's delivery, with sample 5, or the first 6 frames, as the known answer and made-up costs."""
    frames = samples(graph, 6)
    program = emit(graph, plan_memory(graph), known_inputs=frames if graph.is_step else [x[5] for x in frames])
    measurement = Measurement(
        program=program.name,
        target="cortex-m4",
        flash_bytes=2000,
        context_bytes=program.context_bytes,
        state_bytes=0,
        arena_bytes=program.arena_bytes,
        io_bytes=100,
        stack_bytes=80,
        static_bytes=0,
        instructions=900,
        instructions_min=900,
        n_inputs=1,
        cycles_estimate=cycles_estimate,
        layers=(),
    )
    return Delivery(
        program=program,
        graph=graph,
        target=find_target("cortex-m4"),
        recipe=recipe,
        measurement=measurement,
        parameters=12,
        versions={"smidgen": "0.1.0"},
    )


def run_tool(name: str, arguments: Sequence[object], folder: Path) -> str:
    """Return what a program of this machine prints; it must succeed without a word on stderr. Skips where it is not."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name} on this machine")
    done = subprocess.run([path, *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout
