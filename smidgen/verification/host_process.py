"""Run a generated program in a process of its own, where it may be broken: what it does wrong ends no other."""

import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from smidgen.codegen.bundle import Program
from smidgen.errors import DataError, FirmwareFault
from smidgen.records import Measurement
from smidgen.targets import Target
from smidgen.verification.batch import AnyArray, check_batch, pack_samples, unpack_outputs
from smidgen.verification.host import HostModel
from smidgen.verification.image import read_object_size
from smidgen.verification.measurement import make_measurement
from smidgen.verification.symbols import SymbolTable
from smidgen.verification.toolchain import build_host_executable, build_host_object


class HostRunner:
    """A program in a process of its own that undefined behaviour ends: what runs it where the target is the host."""

    label = "sanitised host C"

    def __init__(self, program: Program, target: Target, folder: Path | None = None) -> None:
        self.program = program
        self.target = target
        self._folder = folder

    def run(self, inputs: Sequence[AnyArray]) -> list[AnyArray]:
        """Return what `run_isolated` does, with its errors."""
        return run_isolated(self.program, inputs, self._folder)

    def measure(self, inputs: Sequence[AnyArray]) -> Measurement:
        """Return what is known without counting: memory but for the stack, code and constants of this machine.

        Errors as for `run`; also FirmwareFault when the self-test fails, DataError when there is no sample.
        """
        n, _ = check_batch(self.program, inputs)
        if n == 0:
            raise DataError(f"{self.program.name} is measured on samples of its inputs; got none")
        model = HostModel(self.program, self._folder)
        status = model.selftest()
        if status != 0:
            raise FirmwareFault(f"{self.program.name}_selftest returned status {status} on the host")
        self.run(inputs)
        object_path = build_host_object(self.program, self._folder)
        size = read_object_size(object_path, self.program, model.context_bytes)
        return make_measurement(self.program, self.target, size, n_inputs=n)


def run_isolated(
    program: Program, inputs: Sequence[AnyArray], folder: Path | None = None, *, timeout_s: float = 60.0
) -> list[AnyArray]:
    """Return what `HostModel.run` does, from a process of its own that undefined behaviour ends.

    Raises DataError for arrays that do not fit, FirmwareFault when the process was ended by a signal, took longer than
    `timeout_s` or met a status that is not 0.
    """
    return run_process(build_host_executable(program, folder), program, inputs, _ending, timeout_s=timeout_s)


def run_process(
    executable: Path,
    program: Program,
    inputs: Sequence[AnyArray],
    tell_ending: Callable[[Path, int, str], str],
    *,
    timeout_s: float,
) -> list[AnyArray]:
    """Return the outputs of an executable of host_main.c; errors as for `run_isolated`.

    `tell_ending`: says in words how the executable ended, from its exit status and what it wrote to stderr.
    """
    n, arrays = check_batch(program, inputs)
    try:
        done = subprocess.run([executable], input=pack_samples(program, arrays), capture_output=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise FirmwareFault(f"{program.name}: no end of {n} samples in {timeout_s:g} s on the host") from error
    sample_bytes = sum(port.n_bytes for port in program.outputs)
    if done.returncode != 0:
        at = f"at sample {program.answers.frames_for(len(done.stdout) // sample_bytes)}"
        ending = tell_ending(executable, done.returncode, done.stderr.decode(errors="replace"))
        raise FirmwareFault(f"{program.name}: {ending} on the host {at}")
    return unpack_outputs(program, n, done.stdout, "the host")


def _ending(executable: Path, returncode: int, stderr: str) -> str:
    """Say how host_main.c ended: by the status that it printed, or by a signal, which a trap precedes."""
    if returncode > 0:
        return stderr.strip()
    name = signal.Signals(-returncode).name
    if stderr.startswith("trap "):
        symbols = SymbolTable(executable)
        return f"undefined behaviour ({name}) in {symbols.locate(symbols['main'].address + int(stderr.split()[1]))}"
    return f"ended by {name}"
