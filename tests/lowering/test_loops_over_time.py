"""Python loops over time become one loop of the firmware: right in every precision, streamed, one step of code."""

import re
from functools import cache

import numpy as np
import pytest
import torch
from loop_models import STREAMING, UNROLLED, VARIANTS, WINDOWED, Elman, Smoothed, TwoLoops
from numpy.typing import NDArray
from small_models import Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn

import smidgen
from smidgen.codegen import emit
from smidgen.compression import FloatProgram, import_model
from smidgen.errors import StreamingError
from smidgen.firmware import quantize_inputs
from smidgen.ir import Graph, Op, interpret_frames
from smidgen.passes import CausalGraph, fold, plan_memory

X = normal(32, 8, 4)
FLOOR_DB = {"float32": 120.0, "int8": 33.0, "int16": 38.0}

Model = type[nn.Module]
#: Spellings that are only tried in the long run.
RARELY = [pytest.param(model, marks=pytest.mark.slow) for model in VARIANTS]


@cache
def built(model: Model) -> nn.Module:
    """Return a module with the same weights every time."""
    torch.manual_seed(0)
    return model().eval()


@cache
def program_of(model: Model) -> FloatProgram:
    """Return a model as it is captured."""
    return import_model(built(model), X)


@cache
def made(model: Model, recipe: str) -> Lowered:
    """Return a model as a graph."""
    return lowered(program_of(model), (X,), recipe=recipe)


def exact(model: Model, *inputs: Tensor) -> list[NDArray[np.float64]]:
    """Return what the module itself computes."""
    with torch.no_grad():
        results = built(model)(*inputs)
    return [value.double().numpy() for value in (results if isinstance(results, tuple) else (results,))]


def loops_of(graph: Graph) -> list[Op]:
    """Return the loops of a graph."""
    return [op for op in graph.ops if op.kind == "loop"]


@pytest.mark.parametrize("recipe", FLOOR_DB)
@pytest.mark.parametrize("model", [*STREAMING, *WINDOWED, *RARELY], ids=lambda model: model.__name__)
def test_a_loop_stays_a_loop(model: Model, recipe: str) -> None:
    """One op for all steps; C equals the reference, and that is as near to the module as the recipe can be."""
    found = made(model, recipe)
    assert len(loops_of(found.graph)) == (2 if model is TwoLoops else 1)
    assert found.host_mismatches((X,)) == 0
    (real,), (integers,), (simulated,) = exact(model, X), found.integers((X,)), found.fake_quantized((X,))
    assert sqnr_db(integers, real) >= FLOOR_DB[recipe]
    assert sqnr_db(integers, simulated) >= FLOOR_DB[recipe]


@pytest.mark.parametrize("recipe", ["float32", "int8"])
@pytest.mark.parametrize("model", [*STREAMING, *RARELY], ids=lambda model: model.__name__)
def test_loops_stream(model: Model, recipe: str) -> None:
    """n steps from reset are the window of n frames, byte for byte, shorter and longer than what was compiled."""
    found = made(model, recipe)
    stream = CausalGraph(found.graph, dict.fromkeys(found.graph.inputs, 0))
    (windows,) = quantize_inputs(found.program, found.graph, (X,))
    recording = np.concatenate([windows, windows[::-1]], axis=1)
    answers = stream.joined(interpret_frames(stream.step, stream.frames([recording])))
    for frames in (1, 2, 8, 13):
        for name, expected in stream.expected([recording], frames).items():
            assert expected.tobytes() == np.ascontiguousarray(stream.part(name, answers[name], frames)).tobytes()


@pytest.mark.parametrize("model", UNROLLED, ids=lambda model: model.__name__)
def test_what_is_no_loop_stays_unrolled(model: Model) -> None:
    """Steps with weights of their own, or frames in another order, compile as they are written."""
    found = made(model, "float32")
    assert not loops_of(found.graph)
    assert found.host_mismatches((X,)) == 0
    assert sqnr_db(found.integers((X,))[0], exact(model, X)[0]) >= FLOOR_DB["float32"]


def test_code_does_not_grow_with_the_window() -> None:
    """The C for 30 and for 60 frames differs in numbers alone."""
    texts = []
    for steps in (30, 60):
        windows = (normal(4, steps, 4),)
        found = lowered(built(Elman), windows)
        graph = fold(found.graph)
        known = [array[0] for array in quantize_inputs(found.program, graph, windows)]
        texts.append(emit(graph, plan_memory(graph), known_inputs=known).files[f"{graph.name}.c"])
    first, second = (re.sub(r"sha256 [0-9a-f]+|0x[0-9A-F]+|\d+", "0", text) for text in texts)
    assert first == second


@pytest.mark.parametrize("core", ["cortex-m0plus", "cortex-m4"])
def test_loops_on_cores(core: str) -> None:
    """A loop is one layer of the report; emulated cores give the reference's bytes, layer by layer."""
    firmware = smidgen.compile(program_of(Elman), X[:1], calibration=X, target=core)
    assert firmware.check(X[:4]).mismatched_bytes == 0
    (layer,) = [layer for layer in firmware.measurement.layers if layer.op == "loop"]
    assert layer.macs == 8 * (4 * 6 + 6 * 6 + 6 * 3)
    assert layer.instructions > layer.macs


def test_names_are_those_of_the_first_step() -> None:
    """Ops of the body carry the paths of the user's modules, not of their second call."""
    (loop,) = loops_of(made(Elman, "int8").graph)
    assert loop.body is not None
    assert {"into", "back", "out"} <= {op.name for op in loop.body.ops}
    assert loop.name == "loop"


@pytest.mark.parametrize("recipe", ["int8", "int8-pure", "int16"])
def test_states_keep_16_bits_in_one_scale(recipe: str) -> None:
    """Under every integer recipe, before the first step and after each."""
    (loop,) = loops_of(made(Elman, recipe).graph)
    assert loop.body is not None
    state, following = loop.body[loop.body.inputs[1]], loop.body[loop.body.outputs[0]]
    assert state.dtype == following.dtype == "int16"
    assert state.qparams == following.qparams


class Given(Elman):
    """The caller gives the first state and gets back the last."""

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        for t in range(x.shape[1]):
            h = torch.tanh(self.into(x[:, t]) + self.back(h))
        return self.out(h), h


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_states_as_inputs_and_outputs(recipe: str) -> None:
    """A first state that the caller gives, and the last one that is given back."""
    given = (X, 0.5 * normal(32, 6, seed=1))
    found = lowered(built(Given), given, recipe=recipe)
    (loop,) = loops_of(found.graph)
    assert loop.attrs["firsts"] == loop.attrs["lasts"] == (0,)
    assert found.host_mismatches(given) == 0
    for integers, real in zip(found.integers(given), exact(Given, *given), strict=True):
        assert sqnr_db(integers, real) >= FLOOR_DB[recipe]


class Tokens(nn.Module):
    """Looks up a row for every id within the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.back, self.out = nn.Embedding(11, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, ids: Tensor) -> Tensor:
        h = torch.zeros(ids.shape[0], 6)
        for t in range(ids.shape[1]):
            h = torch.tanh(self.rows(ids[:, t]) + self.back(h))
        return self.out(h)


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_frames_of_ids(recipe: str) -> None:
    """Whole numbers go into the steps as they are, beside float32 too."""
    ids = torch.randint(11, (32, 8), generator=torch.Generator().manual_seed(0))
    found = lowered(built(Tokens), (ids,), recipe=recipe)
    assert len(loops_of(found.graph)) == 1
    assert found.host_mismatches((ids,)) == 0
    assert sqnr_db(found.integers((ids,))[0], exact(Tokens, ids)[0]) >= FLOOR_DB[recipe]


def test_a_loop_from_the_first_frame_does_not_stream() -> None:
    """Its first state is that of one window alone."""
    found = made(Smoothed, "float32")
    with pytest.raises(StreamingError, match="keeps 1 of 8 steps"):
        CausalGraph(found.graph, dict.fromkeys(found.graph.inputs, 0))


def test_bodies_have_names_of_their_own() -> None:
    """Calibration and plans know every node by its name, within a loop and around it."""
    program = program_of(TwoLoops)
    graphs = [program.graph_module.graph, *(body.graph_module.graph for body in program.bodies.values())]
    names = [node.name for graph in graphs for node in graph.nodes]
    assert len(program.bodies) == 2
    assert len(set(names)) == len(names)
