"""Proof and measurement: a generated program compiled, run on this machine and on emulated cores, and compared."""

from smidgen.verification.compare import Comparison, Mismatch, compare
from smidgen.verification.emulator import Emulator
from smidgen.verification.host import HostModel
from smidgen.verification.host_process import HostRunner, run_isolated
from smidgen.verification.host_trace import TracedHostModel
from smidgen.verification.image import Image
from smidgen.verification.runner import Runner, measure_choices, open_runner
from smidgen.verification.toolchain import STRICT_FLAGS, build_host_library, build_image
from smidgen.verification.wasm import WasmRunner

__all__ = [
    "STRICT_FLAGS",
    "Comparison",
    "Emulator",
    "HostModel",
    "HostRunner",
    "Image",
    "Mismatch",
    "Runner",
    "TracedHostModel",
    "WasmRunner",
    "build_host_library",
    "build_image",
    "compare",
    "measure_choices",
    "open_runner",
    "run_isolated",
]
