"""Microcontroller cores Smidgen compiles for: what the compiler, the emulator and the budget need to know of each."""

from dataclasses import dataclass

from smidgen.errors import ConfigError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One core with the memory that a program may use on it."""

    name: str
    flash_bytes: int
    ram_bytes: int
    zig_target: str  # `zig cc -target`
    zig_cpu: str  # `zig cc -mcpu`: zig's models carry no FPU or DSP extension unless it is named here
    has_fpu: bool
    has_dsp: bool

    def __post_init__(self) -> None:
        if self.flash_bytes < 1 or self.ram_bytes < 1:
            raise ConfigError(
                f"target {self.name} needs positive flash and RAM, got {self.flash_bytes}, {self.ram_bytes}"
            )


_FLASH_BYTES = 64 * 1024
_RAM_BYTES = 32 * 1024

_CORES = (
    Target(
        name="cortex-m0plus",
        flash_bytes=_FLASH_BYTES,
        ram_bytes=_RAM_BYTES,
        zig_target="thumb-freestanding-eabi",
        zig_cpu="cortex_m0plus",
        has_fpu=False,
        has_dsp=False,
    ),
    Target(
        name="cortex-m4",
        flash_bytes=_FLASH_BYTES,
        ram_bytes=_RAM_BYTES,
        zig_target="thumb-freestanding-eabihf",
        zig_cpu="cortex_m4+vfp4d16sp",
        has_fpu=True,
        has_dsp=True,
    ),
)

TARGETS: dict[str, Target] = {core.name: core for core in _CORES}


def find_target(name: str) -> Target:
    """Return the target called `name`; raise ConfigError that lists the known ones."""
    if name not in TARGETS:
        raise ConfigError(f"unknown target {name!r}; {nearest(name, TARGETS)}")
    return TARGETS[name]
