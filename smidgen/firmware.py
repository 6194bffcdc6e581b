"""A compiled model: its integer graph, its C, what it costs, and the proof that all executions agree."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.codegen import Port, Program
from smidgen.compression import FloatProgram
from smidgen.compression.program import Batch, batches
from smidgen.errors import BudgetError, ConfigError
from smidgen.ir import Graph, interpret, save_graph
from smidgen.passes import MemoryPlan
from smidgen.records import Measurement
from smidgen.targets import Target
from smidgen.verification import Comparison, Emulator, HostModel, Runner, TracedHostModel, compare, open_runner
from smidgen.whole_file import write_whole

Array = NDArray[Any]

#: Windows on which `measurement` runs; `check` on more windows also looks at the deepest stack there.
MEASURED_WINDOWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFidelity:
    """How near one layer's integers are to the float model."""

    name: str
    op: str
    sqnr_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFidelity:
    """How near one output is to the float model's."""

    name: str
    sqnr_db: float
    agreement: float  # share of equal indices for an integer output, of equal argmax over the last axis for others


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What `Firmware.check` saw. Printing gives a summary; `to_dict` what JSON can hold."""

    n_windows: int
    n_emulated: int  # run on the target
    host: Comparison
    emulated: Comparison
    outputs: tuple[OutputFidelity, ...]
    layers: tuple[LayerFidelity, ...]
    values: tuple[Array, ...] = field(repr=False)  # the reference's outputs as real numbers
    float_values: tuple[Array, ...] = field(repr=False)  # the float model's
    label: str  # of what ran the target's C: "emulated cortex-m4", "WebAssembly"
    first_divergent_layer: str | None  # at the first sample that differs, on the target where that is emulated, else on
    # the host; None if all agree there

    @property
    def sqnr_db(self) -> float:
        """Of the output that is least near the float model."""
        return min(output.sqnr_db for output in self.outputs)

    @property
    def argmax_agreement(self) -> float:
        """Of the output that agrees least with the float model."""
        return min(output.agreement for output in self.outputs)

    @property
    def mismatched_bytes(self) -> int:
        """Bytes in which the host's or the target's C differ from the integer reference."""
        return self.host.mismatched_bytes + self.emulated.mismatched_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "n_windows": self.n_windows,
            "n_emulated": self.n_emulated,
            "mismatched_bytes": self.mismatched_bytes,
            "sqnr_db": self.sqnr_db,
            "argmax_agreement": self.argmax_agreement,
            "first_divergent_layer": self.first_divergent_layer,
            "outputs": [asdict(output) for output in self.outputs],
            "layers": [asdict(layer) for layer in self.layers],
        }

    def __str__(self) -> str:
        worst = min(self.layers, key=lambda layer: layer.sqnr_db, default=None)
        lines = [
            f"host C against the reference: {self.host}",
            f"{self.label} against the reference: {self.emulated}",
            f"against the float model: SQNR {self.sqnr_db:.1f} dB, same argmax {100 * self.argmax_agreement:.2f} %",
        ]
        if self.first_divergent_layer is not None:
            lines.append(f"first layer to diverge: {self.first_divergent_layer}")
        if worst is not None:
            lines.append(f"least exact layer: {worst.name} ({worst.op}), {worst.sqnr_db:.1f} dB")
        return "\n".join(lines)


class Firmware:
    """One model for one target. Made by `smidgen.compile`."""

    def __init__(
        self,
        *,
        float_program: FloatProgram,
        lowered: Graph,
        graph: Graph,
        plan: MemoryPlan,
        program: Program,
        target: Target,
        recipe_name: str,
        measured_on: list[Array],
        compile_seconds: Mapping[str, float],
    ) -> None:
        self.float_program = float_program
        self.lowered = lowered  # before folding: every layer of the user's model under its own name
        self.graph = graph
        self.plan = plan
        self.program = program
        self.target = target
        self.recipe_name = recipe_name
        self.compile_seconds = compile_seconds  # wall clock by stage, for people
        self._measured_on = measured_on

    @cached_property
    def measurement(self) -> Measurement:
        """RAM, flash and exact instructions on the target; raises BudgetError if the target is too small."""
        measurement = self._runner.measure(self._measured_on)
        self._require_budget(measurement)
        return measurement

    def quantize_inputs(self, inputs: Batch) -> list[Array]:
        """Return a batch in the firmware's input types."""
        return quantize_inputs(self.float_program, self.graph, inputs)

    def run_integers(self, inputs: Batch) -> list[Array]:
        """Return the reference's outputs in the firmware's types, each (B, *shape)."""
        values = interpret(self.graph, self.quantize_inputs(inputs))
        return [values[name] for name in self.graph.outputs]

    def run(self, inputs: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return the integer reference's outputs as real numbers, for a batch or an iterable of batches."""
        parts = [self._dequantize(self.run_integers(batch)) for batch in batches(inputs)]
        joined = tuple(torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
        return joined[0] if len(joined) == 1 else joined

    def check(self, inputs: Any, *, emulate: int | None = None) -> CheckReport:
        """Compare integer reference, host C and the target's C byte for byte, and all with the float model.

        The target's C runs on its emulated core; WebAssembly in an engine; the host's in a process of its own, with
        undefined behaviour trapped.

        Args: inputs, as for calibration; emulate, how many windows also run there (default all).
        Raises ConfigError if there is no window, or nothing to emulate.
        """
        if emulate is not None and emulate < 1:
            raise ConfigError(f"emulate must be at least 1 window, got {emulate}")
        parts = list(batches(inputs))
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
        reals = self._dequantize(expected)
        return CheckReport(
            n_windows=len(batch[0]),
            n_emulated=n_emulated,
            host=host,
            emulated=emulated,
            label=self._runner.label,
            outputs=tuple(
                _output_fidelity(name, expected, found)
                for name, expected, found in zip(self.graph.outputs, floats, reals, strict=True)
            ),
            values=tuple(reals),
            float_values=tuple(floats),
            layers=self._fidelity(tuple(value[:256] for value in batch)),
            first_divergent_layer=self._first_divergence(host, emulated, integers, values),
        )

    def save(self, folder: str | Path) -> Path:
        """Write the C files, the graph and `manifest.json` into `folder`; each file whole or not at all."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in sorted(self.program.files.items()):
            write_whole(folder / name, text.encode())
        save_graph(self.graph, folder / "graph")
        write_whole(folder / "manifest.json", (json.dumps(self.manifest(), indent=1) + "\n").encode())
        return folder

    def manifest(self) -> dict[str, Any]:
        """Return what the delivered folder holds and costs."""
        return {
            "name": self.program.name,
            "target": self.target.name,
            "recipe": self.recipe_name,
            "files": sorted(self.program.files),
            "inputs": [self._port_entry(port) for port in self.program.inputs],
            "outputs": [self._port_entry(port) for port in self.program.outputs],
            "parameters": self.float_program.parameter_count,
            "measurement": self.measurement.to_dict(),
        }

    def _port_entry(self, port: Port) -> dict[str, Any]:
        qparams = self.graph[port.name].qparams
        scale = {} if qparams is None else {"scale": qparams.scale, "zero_point": qparams.zero_point}
        return {**asdict(port), **scale}

    def __str__(self) -> str:
        return f"{self.program.name}, recipe {self.recipe_name}\n{self.measurement}"

    # ---- helpers ----

    @cached_property
    def _host(self) -> HostModel:
        return HostModel(self.program)

    @cached_property
    def _runner(self) -> Runner:
        return open_runner(self.program, self.target)

    def _dequantize(self, outputs: list[Array]) -> list[Array]:
        reals = []
        for name, array in zip(self.graph.outputs, outputs, strict=True):
            qparams = self.graph[name].qparams
            reals.append(array if qparams is None else qparams.dequantize(array).astype(np.float32))
        return reals

    def _first_divergence(
        self, host: Comparison, emulated: Comparison, integers: list[Array], values: Mapping[str, Array]
    ) -> str | None:
        """Run the first differing sample layer by layer and name the first whose bytes are not the reference's."""
        first = emulated.first or host.first
        if first is None:
            return None
        tracer = self._runner if isinstance(self._runner, Emulator) else TracedHostModel(self.program)
        traced = tracer.trace([array[first.sample : first.sample + 1] for array in integers])
        for layer in self.program.layers:
            if layer.result is not None:
                expected = np.ascontiguousarray(values[layer.result.tensor][first.sample]).tobytes()
                if traced[layer.result.tensor] != expected:
                    return layer.name
        return None

    def _fidelity(self, batch: Batch) -> tuple[LayerFidelity, ...]:
        """Compare every layer of the graph before folding with the float program's node of the same name."""
        with torch.no_grad():
            reals = self.float_program.record(batch)
        values = interpret(self.lowered, self.quantize_inputs(batch))
        layers = []
        for op in self.lowered.ops:
            tensor = self.lowered[op.output]
            if op.output in reals and reals[op.output].is_floating_point():
                found = values[op.output] if tensor.qparams is None else tensor.qparams.dequantize(values[op.output])
                expected = reals[op.output].numpy().reshape(found.shape)
                layers.append(LayerFidelity(name=op.name, op=op.kind, sqnr_db=sqnr_db(expected, found)))
        return tuple(layers)

    def _require_budget(self, measurement: Measurement) -> None:
        largest = sorted(
            ((array.nbytes, op.name) for op in self.graph.ops for array in op.params.values()), reverse=True
        )
        if self.target.ram_bytes is not None and measurement.ram_bytes > self.target.ram_bytes:
            raise BudgetError(
                f"{self.program.name} needs {measurement.ram_bytes} B of RAM, {self.target.name} has "
                f"{self.target.ram_bytes} B; the arena peaks at {self.plan.peak_op}. Shorten the window, lower "
                "d_model, or take a recipe with fewer int16 activations"
            )
        if self.target.flash_bytes is not None and measurement.flash_bytes > self.target.flash_bytes:
            names = ", ".join(f"{name} {size} B" for size, name in largest[:3])
            raise BudgetError(
                f"{self.program.name} needs {measurement.flash_bytes} B of flash, {self.target.name} has "
                f"{self.target.flash_bytes} B; the largest weights are {names}. Make those layers narrower"
            )


def quantize_inputs(program: FloatProgram, graph: Graph, inputs: Batch) -> list[Array]:
    """Return a batch of the program's inputs in the graph's input types; raises ConfigError if they do not fit."""
    program.check_inputs(inputs)
    arrays = []
    for name, value in zip(graph.inputs, inputs, strict=True):
        tensor, real = graph[name], value.detach().numpy()
        quantised = real if tensor.qparams is None else tensor.qparams.quantize(real)
        arrays.append(np.ascontiguousarray(quantised.astype(tensor.dtype)))
    return arrays


def _output_fidelity(name: str, expected: Array, actual: Array) -> OutputFidelity:
    """Compare an output with the float model's; an index is right or wrong, and has no noise."""
    if np.issubdtype(actual.dtype, np.integer):
        return OutputFidelity(name=name, sqnr_db=float("inf"), agreement=float(np.mean(expected == actual)))
    same = expected.reshape(len(expected), -1) if expected.ndim < 2 else expected
    found = actual.reshape(same.shape)
    agreement = float(np.mean(same.argmax(axis=-1) == found.argmax(axis=-1)))
    return OutputFidelity(name=name, sqnr_db=sqnr_db(expected, actual), agreement=agreement)


def sqnr_db(expected: Array, actual: Array) -> float:
    """Return the signal to quantisation noise ratio in dB, infinite where there is no noise."""
    noise = float(np.sum((np.asarray(expected, np.float64) - actual) ** 2))
    signal = float(np.sum(np.asarray(expected, np.float64) ** 2))
    if noise == 0.0:
        return float("inf")
    return 10 * float(np.log10(max(signal, np.finfo(np.float64).tiny) / noise))
