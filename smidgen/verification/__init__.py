"""Proof and measurement: a generated program compiled, run on this machine and on emulated cores, and compared."""

from smidgen.verification.compare import Comparison, Mismatch, compare
from smidgen.verification.emulator import Emulator
from smidgen.verification.host import HostModel, run_isolated
from smidgen.verification.image import Image
from smidgen.verification.toolchain import STRICT_FLAGS, build_host_library, build_image

__all__ = [
    "STRICT_FLAGS",
    "Comparison",
    "Emulator",
    "HostModel",
    "Image",
    "Mismatch",
    "build_host_library",
    "build_image",
    "compare",
    "run_isolated",
]
