"""Processor cores: how the compiler is told of each, and what each has."""

from dataclasses import dataclass
from enum import Enum


class Architecture(Enum):
    """What executes a core's code: decides how a program is run and what can be measured of it."""

    ARM = "arm"  # M-profile, Thumb code, emulated
    RISCV = "riscv"  # RV32, emulated
    WASM = "wasm"  # a WebAssembly engine
    HOST = "host"  # this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One processor core.

    Zig's CPU models carry no FPU or DSP extension unless it is named; the C that is compiled for a core asserts both.
    """

    name: str
    architecture: Architecture
    zig_target: str  # `zig cc -target`
    zig_cpu: str  # `zig cc -mcpu`
    has_fpu: bool = False  # at least single precision
    has_dsp: bool = False  # Arm's DSP extension: SMLAD and its kin

    @property
    def zig_flags(self) -> tuple[str, ...]:
        """What `zig cc` is told of the core."""
        return "-target", self.zig_target, f"-mcpu={self.zig_cpu}"

    @property
    def is_emulated(self) -> bool:
        """True where instructions are counted, on an emulator of the core."""
        return self.architecture in (Architecture.ARM, Architecture.RISCV)


def _cortex_m(name: str, zig_cpu: str, *, has_fpu: bool = False, has_dsp: bool = False) -> Core:
    abi = "eabihf" if has_fpu else "eabi"
    return Core(
        name=name,
        architecture=Architecture.ARM,
        zig_target=f"thumb-freestanding-{abi}",
        zig_cpu=zig_cpu,
        has_fpu=has_fpu,
        has_dsp=has_dsp,
    )


CORTEX_M0PLUS = _cortex_m("cortex-m0plus", "cortex_m0plus")
CORTEX_M3 = _cortex_m("cortex-m3", "cortex_m3")
CORTEX_M4 = _cortex_m("cortex-m4", "cortex_m4+vfp4d16sp", has_fpu=True, has_dsp=True)
CORTEX_M7 = _cortex_m("cortex-m7", "cortex_m7+fp_armv8d16", has_fpu=True, has_dsp=True)
CORTEX_M33 = _cortex_m("cortex-m33", "cortex_m33+dsp+fp_armv8d16sp", has_fpu=True, has_dsp=True)
RV32IMC = Core(
    name="rv32imc",
    architecture=Architecture.RISCV,
    zig_target="riscv32-freestanding-none",
    zig_cpu="generic_rv32+m+c",
)
WASM32 = Core(
    name="wasm32",
    architecture=Architecture.WASM,
    zig_target="wasm32-freestanding",
    zig_cpu="generic",
    has_fpu=True,
)
# The baseline CPU, so that a cached library runs on every machine that shares the cache.
HOST = Core(name="host", architecture=Architecture.HOST, zig_target="native", zig_cpu="baseline", has_fpu=True)

CORES: dict[str, Core] = {
    core.name: core for core in (CORTEX_M0PLUS, CORTEX_M3, CORTEX_M4, CORTEX_M7, CORTEX_M33, RV32IMC, WASM32, HOST)
}
