"""What every compiled model has: its program for one target, what it costs, its executions, and its delivery."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.budget import require_budget
from smidgen.codegen import Program, emit
from smidgen.compression import FloatProgram
from smidgen.compression.inputs import Batch
from smidgen.delivery import Delivery, save_delivery
from smidgen.ir import Graph
from smidgen.passes import MemoryPlan
from smidgen.records import Measurement, beside_each_other
from smidgen.targets import Target
from smidgen.verification import HostModel, Runner, measure_choices, open_runner

Array = NDArray[Any]


class CompiledModel(ABC):
    """One model for one target; a subclass says on which inputs it is measured and tested."""

    program: Program

    def __init__(
        self, *, float_program: FloatProgram, graph: Graph, plan: MemoryPlan, target: Target, recipe_name: str
    ) -> None:
        self.float_program = float_program
        self.graph = graph
        self.plan = plan
        self.target = target
        self.recipe_name = recipe_name

    @property
    @abstractmethod
    def _measured_on(self) -> Sequence[Array]:
        """Integers by input, (n, *shape of an invoke or a step): what `measurement` runs on."""

    @property
    @abstractmethod
    def _known_inputs(self) -> Sequence[Array]:
        """Integers by input, as `emit` takes them: what the self-test knows the answers to."""

    @cached_property
    def measurement(self) -> Measurement:
        """RAM, flash and exact instructions on the target, of the dearest invoke or step of those measured.

        Raises BudgetError if the target is too small.
        """
        measurement = self._runner.measure(list(self._measured_on))
        require_budget(measurement, self.target, self.graph, peak_op=self.plan.peak_op)
        return measurement

    @cached_property
    def choices(self) -> Mapping[str, Measurement]:
        """What the program costs optimized for each of `OPTIMIZATIONS`, by name; no byte of any result differs."""
        return measure_choices(self._emitted, self.target, list(self._measured_on))

    @property
    def delivery(self) -> Delivery:
        """All that is delivered, in memory."""
        return Delivery(
            program=self.program,
            graph=self.graph,
            target=self.target,
            recipe=self.recipe_name,
            measurement=self.measurement,
            parameters=self.float_program.parameter_count,
        )

    def save(self, folder: str | Path) -> Path:
        """Write the delivered folder: C, packaging for every build system, the integer graph and `manifest.json`.

        A folder that holds an older delivery is brought up to date; raises DeliveryError, and changes nothing, where
        files of somebody else stand in the way.
        """
        return save_delivery(self.delivery, folder)

    def __str__(self) -> str:
        chosen = self.program.optimize
        step = ", step by step" if self.graph.is_step else ""
        heading = f"{self.program.name}{step}, recipe {self.recipe_name}, optimize {chosen}"
        return f"{heading}\n{self.measurement}\n{beside_each_other(self.choices, chosen)}"

    # ---- helpers ----

    @cached_property
    def _host(self) -> HostModel:
        return HostModel(self.program)

    @cached_property
    def _runner(self) -> Runner:
        return open_runner(self.program, self.target)

    def _emitted(self, optimize: str) -> Program:
        return emit(self.graph, self.plan, known_inputs=list(self._known_inputs), optimize=optimize)

    def _dequantized(self, outputs: Sequence[Array]) -> list[Array]:
        """Return outputs as real numbers, float32."""
        reals = []
        for name, array in zip(self.graph.outputs, outputs, strict=True):
            qparams = self.graph[name].qparams
            reals.append(array if qparams is None else qparams.dequantize(array).astype(np.float32))
        return reals


def in_input_types(graph: Graph, inputs: Batch) -> list[Array]:
    """Return real inputs, in the graph's order, in the graph's input types."""
    arrays = []
    for name, value in zip(graph.inputs, inputs, strict=True):
        tensor, real = graph[name], value.detach().numpy()
        quantised = real if tensor.qparams is None else tensor.qparams.quantize(real)
        arrays.append(np.ascontiguousarray(quantised.astype(tensor.dtype)))
    return arrays
