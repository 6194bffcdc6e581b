"""A second opinion on both sides: programs that arm-none-eabi-gcc compiled, on cores that QEMU emulates.

Optional: both are packages of the system. They also have what the wheels lack, a Cortex-M55 with its vector extension.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smidgen.codegen.bundle import Port, Program
from smidgen.errors import FirmwareFault
from smidgen.verification.batch import AnyArray, check_batch, pack_samples, unpack_outputs
from smidgen.verification.build_cache import build_once
from smidgen.verification.gcc import SystemCompiler
from smidgen.verification.toolchain import freestanding_flags, freestanding_sources

GCC = "arm-none-eabi-gcc"
QEMU = "qemu-system-arm"

_STACK_BYTES = 4096
_QEMU_FLAGS = (
    "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class QemuBoard:
    """A board that QEMU emulates: its core, as gcc is told of it, and its memory."""

    core: str
    machine: str  # `qemu-system-arm -M`
    fpu: str = ""  # `-mfpu`; none: soft float
    has_dsp: bool
    more_flags: tuple[str, ...] = ()
    flash_origin: int = 0
    ram_origin: int = 0x2000_0000
    ram_bytes: int = 4 * 1024 * 1024

    @property
    def gcc_flags(self) -> tuple[str, ...]:
        floats = ("-mfloat-abi=hard", f"-mfpu={self.fpu}") if self.fpu else ("-mfloat-abi=soft",)
        return (f"-mcpu={self.core}", "-mthumb", *floats, *self.more_flags)

    @property
    def memory_script(self) -> str:
        """The part of the linker script that image.ld includes: vectors first, stack lowest in RAM."""
        static_bytes = self.ram_bytes - _STACK_BYTES
        return (
            "ENTRY(qemu_reset)\nMEMORY\n{\n"
            f"    FLASH (rx) : ORIGIN = {self.flash_origin:#x}, LENGTH = 256K\n"
            f"    STACK (rw) : ORIGIN = {self.ram_origin:#x}, LENGTH = {_STACK_BYTES}\n"
            f"    STATIC (rw) : ORIGIN = {self.ram_origin + _STACK_BYTES:#x}, LENGTH = {static_bytes}\n}}\n"
        )


# QEMU's manual, "Arm MPS2 and MPS3 boards" and "micro:bit"; addresses are those of the secure side where there are two.
QEMU_BOARDS = {
    board.core: board
    for board in (
        QemuBoard(core="cortex-m0", machine="microbit", has_dsp=False, ram_bytes=16 * 1024),
        QemuBoard(core="cortex-m3", machine="mps2-an385", has_dsp=False),
        QemuBoard(core="cortex-m4", machine="mps2-an386", fpu="fpv4-sp-d16", has_dsp=True),
        QemuBoard(core="cortex-m7", machine="mps2-an500", fpu="fpv5-d16", has_dsp=True),
        QemuBoard(
            core="cortex-m33", machine="mps2-an505", fpu="fpv5-sp-d16", has_dsp=True,
            flash_origin=0x1000_0000, ram_origin=0x3800_0000,
        ),
        QemuBoard(
            core="cortex-m55", machine="mps3-an547", fpu="auto", has_dsp=True,
            more_flags=("-ftree-vectorize", "-fvect-cost-model=unlimited"),
            flash_origin=0x1000_0000, ram_origin=0x3000_0000, ram_bytes=512 * 1024,
        ),
    )
}  # fmt: skip


def run_in_qemu(
    program: Program,
    board: QemuBoard,
    inputs: Sequence[AnyArray],
    folder: Path | None = None,
    *,
    timeout_s: float = 120.0,
) -> list[AnyArray]:
    """Return what `Emulator.run` does, from gcc's build of a program on a board that QEMU emulates.

    Raises ToolchainError where gcc or QEMU is not installed or does not take the C; FirmwareFault where the program
    faults, meets a status that is not 0, or does not end in `timeout_s`.
    """
    n, arrays = check_batch(program, inputs)
    image = build_qemu_image(program, board, folder)
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "samples").write_bytes(pack_samples(program, arrays))
        command = [str(SystemCompiler(QEMU).path), *_QEMU_FLAGS, "-M", board.machine, "-kernel", str(image)]
        try:
            done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise FirmwareFault(
                f"{program.name} on QEMU's {board.machine}: no end of {n} samples in {timeout_s:g} s"
            ) from error
        if done.returncode != 0:
            said = f": {done.stderr.strip()}" if done.stderr.strip() else ""
            raise FirmwareFault(f"{program.name} on QEMU's {board.machine} ended with status {done.returncode}{said}")
        return unpack_outputs(program, n, (Path(scratch) / "outputs").read_bytes(), f"QEMU's {board.machine}")


def build_qemu_image(program: Program, board: QemuBoard, folder: Path | None = None) -> Path:
    """Compile a program with gcc for a board of QEMU's and link it with what boots and feeds it."""
    sources = {
        **freestanding_sources(program, "harness.c", "qemu_main.c", "image.ld"),
        "memory.ld": board.memory_script,
    }
    flags = freestanding_flags(program, board.gcc_flags)
    features = [f"-DTARGET_HAS_FPU={board.fpu != '':d}", f"-DTARGET_HAS_DSP={board.has_dsp:d}"]
    pool_bytes = sum(_padded(port) for port in program.ports)
    c_files = [f"{program.name}.c", "harness.c", "qemu_main.c"]
    link = ["-nostartfiles", "-nodefaultlibs", "-L.", "-Wl,-T,image.ld", "-Wl,--gc-sections", "-lm", "-lc", "-lgcc"]
    command = [*flags, *features, f"-DPROGRAM_POOL_BYTES={pool_bytes}U", *c_files, *link, "-o", "image.elf"]
    return build_once(SystemCompiler(GCC), sources, [command], folder) / "image.elf"


def _padded(port: Port) -> int:
    return -(-port.n_bytes // 8) * 8
