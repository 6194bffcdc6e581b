"""Small modules for the tests of import, compression and lowering, and the way from a module to a graph."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from smidgen.codegen import emit
from smidgen.compression import (
    FloatProgram,
    Input,
    Plan,
    calibrate,
    fake_quantize,
    find_recipe,
    import_model,
    make_plan,
)
from smidgen.compression.recipe import Recipe
from smidgen.firmware import quantize_inputs
from smidgen.ir import Graph, interpret
from smidgen.lowering import lower
from smidgen.passes import fold, plan_memory
from smidgen.verification import HostModel, compare

Batch = tuple[Tensor, ...]
Layer = nn.Module | nn.Parameter | Tensor


class Chain(nn.Module):
    """One of everything that structure matters for: a function chain, a split layer, a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.second = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.first(x).chunk(2, dim=-1)
        gated = torch.sigmoid(a * 2.0 + 1.0) * b
        return x + self.second(gated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A module on every rung."""

    program: FloatProgram
    plan: Plan
    graph: Graph

    def integers(self, inputs: Batch) -> list[NDArray[np.float64]]:
        """Return the outputs of the graph as real numbers."""
        arrays = []
        for name, value in zip(self.graph.inputs, inputs, strict=True):
            tensor = self.graph[name]
            real = value.numpy()
            arrays.append((real if tensor.qparams is None else tensor.qparams.quantize(real)).astype(tensor.dtype))
        values = interpret(self.graph, arrays)
        outputs = []
        for name in self.graph.outputs:
            qparams = self.graph[name].qparams
            outputs.append(values[name] if qparams is None else qparams.dequantize(values[name]))
        return outputs

    def host_mismatches(self, inputs: Batch) -> int:
        """Return in how many bytes C on this machine differs from the reference, after folding as it is shipped."""
        graph = fold(self.graph)
        arrays = quantize_inputs(self.program, graph, inputs)
        program = emit(graph, plan_memory(graph), known_inputs=[array[0] for array in arrays])
        values = interpret(graph, arrays)
        expected = [values[name] for name in graph.outputs]
        return compare(expected, HostModel(program).run(arrays), graph.outputs).mismatched_bytes

    def fake_quantized(self, inputs: Batch) -> list[NDArray[np.float64]]:
        """Return the outputs of the fake-quantised float program."""
        with torch.no_grad():
            return [value.double().numpy() for value in fake_quantize(self.program, self.plan, inputs)]


def lowered(
    model: nn.Module | FloatProgram,
    inputs: Batch,
    recipe: str | Recipe = "int8",
    declared: Mapping[str, Input] | None = None,
) -> Lowered:
    """Import a module, unless it is, calibrate it on `inputs` and lower it."""
    program = model if isinstance(model, FloatProgram) else import_model(model.eval(), inputs)
    chosen = find_recipe(recipe)
    calibration = None if chosen.is_float else calibrate(program, inputs)
    plan = make_plan(program, calibration, chosen, declared)
    return Lowered(program=program, plan=plan, graph=lower(program, plan, name="small"))


def assert_equal_everywhere(
    functions: Mapping[str, Callable[..., Tensor]], inputs: Batch, floors_db: Mapping[str, float], **layers: Layer
) -> None:
    """Functions as the outputs of one model follow PyTorch above a floor in every recipe, and C gives the same bytes.

    Args: functions, called with the module that holds `layers` and the inputs; floors_db, by recipe.
    """
    model = Functions(functions, layers).eval()
    with torch.no_grad():
        exact = [value.double().numpy() for value in model(*inputs)]
    program = import_model(model, inputs)
    for recipe, floor in floors_db.items():
        rungs = lowered(program, inputs, recipe)
        for name, found, real in zip(functions, rungs.integers(inputs), exact, strict=True):
            assert found.shape == real.shape, (recipe, name)
            assert sqnr_db(found, real) >= floor, (recipe, name)
        assert rungs.host_mismatches(inputs) == 0, recipe


def nodes_behind(program: FloatProgram, output: int) -> list[fx.Node]:
    """Return what is computed for an output of a program, that of this index."""
    nodes = {node.name: node for node in program.nodes if node.name not in program.constants}
    found: dict[str, fx.Node] = {}
    todo = [nodes[program.output_names[output]]]
    while todo:
        node = todo.pop()
        if node.name in nodes and node.name not in found:
            found[node.name] = node
            todo += node.all_input_nodes
    return list(found.values())


class Functions(nn.Module):
    """Functions of the same inputs as the outputs of one model, with the layers, parameters and buffers they need."""

    def __init__(self, functions: Mapping[str, Callable[..., Tensor]], layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self.functions = functions
        for name, layer in layers.items():
            if isinstance(layer, nn.Module | nn.Parameter):
                setattr(self, name, layer)
            else:
                self.register_buffer(name, layer)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(self, *inputs) for function in self.functions.values())


def sqnr_db(found: NDArray[np.floating], exact: NDArray[np.floating]) -> float:
    """Return the signal to quantisation noise ratio."""
    noise = float(((found - exact) ** 2).sum())
    return float("inf") if noise == 0.0 else float(10 * np.log10((exact**2).sum() / noise))


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Return normal values, the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
