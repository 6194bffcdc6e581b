"""Small modules for the tests of import, compression and lowering, and the way from a module to a graph."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

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
from smidgen.ir import Graph, interpret
from smidgen.lowering import lower

Batch = tuple[Tensor, ...]


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


def sqnr_db(found: NDArray[np.floating], exact: NDArray[np.floating]) -> float:
    """Return the signal to quantisation noise ratio."""
    noise = float(((found - exact) ** 2).sum())
    return float("inf") if noise == 0.0 else float(10 * np.log10((exact**2).sum() / noise))


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Return normal values, the same every time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
