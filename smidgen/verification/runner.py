"""Whatever a target names, as one thing that runs a program and tells what it costs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from smidgen.codegen.bundle import Program
from smidgen.codegen.optimization import OPTIMIZATIONS
from smidgen.records import Measurement
from smidgen.targets import Architecture, Target
from smidgen.verification.batch import AnyArray
from smidgen.verification.emulator import Emulator
from smidgen.verification.host_process import HostRunner
from smidgen.verification.toolchain import build_image
from smidgen.verification.wasm import WasmRunner


class Runner(Protocol):
    """A program on a target."""

    @property
    def label(self) -> str:
        """What executes it, for reports."""
        ...

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return the outputs of `n` calls in a row after one init, each (n, *port.shape)."""
        ...

    def measure(self, inputs: Sequence[AnyArray]) -> Measurement:
        """Return what the program costs: the worst over the samples."""
        ...


def measure_choices(
    emitted: Callable[[str], Program], target: Target, inputs: Sequence[AnyArray]
) -> dict[str, Measurement]:
    """Return what a program costs optimized for each of `OPTIMIZATIONS`, by name.

    Args: emitted, gives the program by name; inputs, on which each runs.
    """
    return {name: open_runner(emitted(name), target).measure(inputs) for name in OPTIMIZATIONS}


def open_runner(program: Program, target: Target, folder: Path | None = None) -> Runner:
    """Build `program` for `target` and return what runs it; `folder` takes the products instead of the cache."""
    if target.core.architecture is Architecture.HOST:
        return HostRunner(program, target, folder)
    if target.core.architecture is Architecture.WASM:
        return WasmRunner(program, target, folder)
    return Emulator(build_image(program, target, folder), program, folder)
