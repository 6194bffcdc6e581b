"""The system's gcc and g++, where there are any: second opinions of a compiler that zig is not, and its address
sanitizer, which zig lacks. Nothing that is published depends on them."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from smidgen.codegen.bundle import Program
from smidgen.codegen.optimization import find_optimization
from smidgen.errors import ToolchainError
from smidgen.verification.batch import AnyArray
from smidgen.verification.build_cache import build_once, run_compiler
from smidgen.verification.host_process import run_process
from smidgen.verification.toolchain import STRICT_FLAGS, host_main_sources

# What generated C must also be: C++ in which it compiles without a warning.
STRICT_CPP_FLAGS = (
    "-xc++",
    "-std=c++11",
    *(flag for flag in STRICT_FLAGS if flag not in ("-std=c99", "-Wstrict-prototypes")),
)
_SANITIZE = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-g",
    "-O1",
    "-ffp-contract=off",
    "-fno-math-errno",
)
_FINDING = re.compile(r"(?:ERROR: \w+Sanitizer: [\w-]+|runtime error: .*)")


@dataclass(frozen=True, slots=True)
class SystemCompiler:
    """A compiler found on PATH."""

    name: str  # e.g. "gcc", "arm-none-eabi-gcc"

    @property
    def path(self) -> Path:
        """Where it is; raises ToolchainError where it is not installed."""
        found = shutil.which(self.name)
        if found is None:
            raise ToolchainError(f"no {self.name} on PATH; it is optional: install your system's package to use it")
        return Path(found)

    @property
    def version(self) -> str:
        return _version(self.path)

    def run(self, command: Sequence[str], folder: Path) -> None:
        run_compiler(self.name, [self.path, *command], folder, os.environ)


def compile_strictly(program: Program, compiler: str, folder: Path | None = None) -> None:
    """Compile a program with "gcc" as C99 or "g++" as C++11; raise ToolchainError for any warning."""
    flags = STRICT_CPP_FLAGS if compiler.endswith("++") else STRICT_FLAGS
    command = [*flags, find_optimization(program.optimize).flag, "-I.", "-c", f"{program.name}.c", "-o", "model.o"]
    build_once(SystemCompiler(compiler), program.files, [command], folder)


def run_sanitized(
    program: Program, inputs: Sequence[AnyArray], folder: Path | None = None, *, timeout_s: float = 120.0
) -> list[AnyArray]:
    """Return what `run_isolated` does, from an executable that gcc's address and undefined-behaviour sanitizers watch.

    Errors as for `run_isolated`; a finding is a FirmwareFault with the sanitizer's words.
    """
    command = [*_SANITIZE, *STRICT_FLAGS, "-I.", f"{program.name}.c", "host_main.c", "-o", "host"]
    products = build_once(SystemCompiler("gcc"), host_main_sources(program), [command], folder)
    return run_process(products / "host", program, inputs, _ending, timeout_s=timeout_s)


def _ending(_executable: Path, returncode: int, stderr: str) -> str:
    finding = _FINDING.search(stderr)
    place = re.search(r"#\d+ \S+ in (\w+) ", stderr[finding.start() :]) if finding else None
    if finding is None:
        return stderr.strip() or f"exit status {returncode}"
    return finding[0] + (f" in {place[1]}" if place else "")


@cache
def _version(path: Path) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]
