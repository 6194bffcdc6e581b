"""A compiled model: its integer graph, its C, what it costs, and the proof that all executions agree."""

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.compiled import CompiledModel, in_input_types
from smidgen.compression import FloatProgram, Plan, Recipe
from smidgen.compression.inputs import Batch, batches
from smidgen.errors import ConfigError, StreamingError
from smidgen.fidelity import (
    Advice,
    CheckReport,
    Divergence,
    LayerFidelity,
    advise,
    find_divergence,
    measure_layers,
    output_fidelity,
)
from smidgen.fidelity.advice import POOR_DB
from smidgen.ir import Graph, interpret
from smidgen.passes import CausalGraph, HoppingGraph, MemoryPlan
from smidgen.streaming import HoppingFirmware, StreamingFirmware, time_axes
from smidgen.targets import Target
from smidgen.verification import (
    Comparison,
    Emulator,
    TracedHostModel,
    compare,
)

Array = NDArray[Any]

#: Windows on which `measurement` runs; `check` on more windows also looks at the deepest stack there.
MEASURED_WINDOWS = 8
#: Windows over which layers are held against the float model, and over which other recipes are tried.
_LAYER_WINDOWS = 256
_ADVISED_WINDOWS = 64

_HOST = "host"


class Firmware(CompiledModel):
    """One model for one target. Made by `smidgen.compile`."""

    def __init__(
        self,
        *,
        float_program: FloatProgram,
        lowered: Graph,
        graph: Graph,
        plan: MemoryPlan,
        target: Target,
        quantization: Plan,
        relower: Callable[[Recipe], Graph],
        windows: list[Array],
        time_axis: int,
        optimize: str,
        compile_seconds: Mapping[str, float],
    ) -> None:
        """Generate the program; windows, integers (n, *shape) by input, are those of self-test and measurement."""
        super().__init__(
            float_program=float_program, graph=graph, plan=plan, target=target, recipe_name=quantization.recipe.name
        )
        self.lowered = lowered  # before folding: every layer of the user's model under its own name
        self.quantization = quantization  # which integers stand for which activation, and the recipe that chose them
        self.compile_seconds = compile_seconds  # wall clock by stage, for people
        self._relower = relower  # the graph before folding under another recipe, same model and calibration
        self._windows = windows
        self._time_axis = time_axis  # of the inputs, batch included
        self.program = self._emitted(optimize)

    @property
    def recipe(self) -> Recipe:
        """The recipe that the program was compiled under."""
        return self.quantization.recipe

    @property
    def streaming(self) -> StreamingFirmware | None:
        """The same model frame by frame, None where `not_streaming` says why."""
        found = self._stream
        return None if isinstance(found, StreamingError) else found

    @property
    def not_streaming(self) -> str | None:
        """What keeps the model from running frame by frame: the layer, what it looks at, what to write instead."""
        found = self._stream
        return str(found) if isinstance(found, StreamingError) else None

    def hopping(self, hop: int) -> HoppingFirmware:
        """Return the program that keeps the last window of frames and runs on it every `hop` frames.

        It takes one frame at a time, as a stream does, and answers with what the window program gives for the frames
        that it holds: whatever the model looks at. Raises ConfigError for a hop below 1, StreamingError where an input
        has no axis of time.
        """
        return HoppingFirmware(
            float_program=self.float_program,
            stream=HoppingGraph(self.graph, time_axes(self.graph, self._time_axis), hop),
            target=self.target,
            recipe_name=self.recipe_name,
            optimize=self.program.optimize,
            windows=self._windows,
        )

    def quantize_inputs(self, inputs: Batch) -> list[Array]:
        """Return a batch in the firmware's input types."""
        return quantize_inputs(self.float_program, self.graph, inputs)

    def run_integers(self, inputs: Batch) -> list[Array]:
        """Return the reference's outputs in the firmware's types, each (B, *shape)."""
        values = interpret(self.graph, self.quantize_inputs(inputs))
        return [values[name] for name in self.graph.outputs]

    def run(self, inputs: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return the integer reference's outputs as real numbers, for a batch or an iterable of batches."""
        parts = [
            self._dequantized(self.run_integers(batch)) for batch in batches(inputs, self.float_program.input_names)
        ]
        joined = tuple(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
        return joined[0] if len(joined) == 1 else joined

    def check(self, inputs: Any, *, emulate: int | None = None, dump: str | Path | None = None) -> CheckReport:
        """Compare integer reference, host C and the target's C byte for byte, and all with the float model.

        The target's C runs on its emulated core; WebAssembly in an engine; the host's in a process of its own, with
        undefined behaviour trapped.

        Args: inputs, as for calibration; emulate, how many windows also run there (default all); dump, a folder: where
        an execution differs, every tensor of the first differing sample is left there as .npz.
        Raises ConfigError if there is no window, or nothing to emulate.
        """
        if emulate is not None and emulate < 1:
            raise ConfigError(f"emulate must be at least 1 window, got {emulate}")
        parts = list(batches(inputs, self.float_program.input_names))
        if not parts:
            raise ConfigError("check needs at least one window")
        batch = tuple(torch.cat(column) for column in zip(*parts, strict=True))
        integers = self.quantize_inputs(batch)
        values = interpret(self.graph, integers)
        expected = [values[name] for name in self.graph.outputs]
        n_emulated = len(batch[0]) if emulate is None else min(emulate, len(batch[0]))
        host = compare(expected, self._host.run(integers), self.graph.outputs)
        emulated = compare(
            [array[:n_emulated] for array in expected],
            self._runner.run([array[:n_emulated] for array in integers]),
            self.graph.outputs,
        )
        with torch.no_grad():
            floats = [output.numpy() for output in self.float_program.run(batch)]
        reals = self._dequantized(expected)
        outputs = tuple(
            output_fidelity(name, float_output, real)
            for name, float_output, real in zip(self.graph.outputs, floats, reals, strict=True)
        )
        part = tuple(value[:_LAYER_WINDOWS] for value in batch)
        layers = measure_layers(
            self.float_program, self.quantization, self.lowered, [array[:_LAYER_WINDOWS] for array in integers], part
        )
        is_poor = min(output.sqnr_db for output in outputs) < POOR_DB
        divergences = self._divergences({self._runner.label: emulated, _HOST: host}, integers, values)
        return CheckReport(
            n_windows=len(batch[0]),
            n_emulated=n_emulated,
            host=host,
            emulated=emulated,
            label=self._runner.label,
            outputs=outputs,
            values=tuple(reals),
            float_values=tuple(floats),
            layers=layers,
            divergences=divergences,
            advice=self._advice(batch, layers, floats) if is_poor else None,
            tensors=() if dump is None else tuple(_dumped(found, Path(dump)) for found in divergences),
        )

    # ---- helpers ----

    @cached_property
    def _stream(self) -> StreamingFirmware | StreamingError:
        try:
            causal = CausalGraph(self.lowered, time_axes(self.lowered, self._time_axis))
        except StreamingError as error:
            return error
        return StreamingFirmware(
            float_program=self.float_program,
            stream=causal,
            target=self.target,
            recipe_name=self.recipe_name,
            optimize=self.program.optimize,
            windows=self._windows,
        )

    @property
    def _measured_on(self) -> list[Array]:
        return self._windows

    @property
    def _known_inputs(self) -> list[Array]:
        return [array[0] for array in self._windows]

    def _divergences(
        self, comparisons: Mapping[str, Comparison], integers: list[Array], values: Mapping[str, Array]
    ) -> tuple[Divergence, ...]:
        """Follow the first differing sample of each execution layer by layer."""
        found = []
        for execution, comparison in comparisons.items():
            if comparison.first is not None:
                sample = comparison.first.sample
                alone = [array[sample : sample + 1] for array in integers]
                core = self._runner if execution != _HOST and isinstance(self._runner, Emulator) else None
                traced = (core or TracedHostModel(self.program)).trace(alone)
                found.append(find_divergence(execution, sample, self.graph, self.program.layers, values, traced))
        return tuple(found)

    def _advice(self, batch: Batch, layers: tuple[LayerFidelity, ...], floats: list[Array]) -> Advice | None:
        """Try recipes on a part of the batch."""
        part = tuple(value[:_ADVISED_WINDOWS] for value in batch)

        def relower(recipe: Recipe) -> tuple[Graph, list[Array]]:
            graph = self._relower(recipe)
            return graph, quantize_inputs(self.float_program, graph, part)

        return advise(self.recipe, layers, [value[:_ADVISED_WINDOWS] for value in floats], relower)


def quantize_inputs(program: FloatProgram, graph: Graph, inputs: Batch) -> list[Array]:
    """Return a batch of the program's inputs in the graph's input types; raises ConfigError if they do not fit."""
    program.check_inputs(inputs)
    return in_input_types(graph, inputs)


def _dumped(divergence: Divergence, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return divergence.save(folder / f"{divergence.execution}-sample-{divergence.sample}.npz")
