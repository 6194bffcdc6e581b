"""What the C of a program is made for: few instructions, few bytes of code, or both in balance.

The choice decides how kernels become functions (`kernels/memory.h`) and how hard the compiler works; no byte of any
result depends on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.errors import ConfigError, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimization:
    """One choice."""

    name: str
    flag: str  # for the compiler
    macro: str | None  # that the kernels see

    @property
    def definition(self) -> str:
        """The line of C in front of the kernels."""
        return "" if self.macro is None else f"#define {self.macro} 1 /* optimized for {self.name} */\n"


OPTIMIZATIONS: Mapping[str, Optimization] = {
    # As balanced, and every loop of a kernel may be unrolled.
    "speed": Optimization(name="speed", flag="-O3", macro="SMIDGEN_FOR_SPEED"),
    # Every layer has a copy of its kernels with its sizes put in; the largest, where a copy saves little, are shared.
    "balanced": Optimization(name="balanced", flag="-O2", macro=None),
    # Layers share a kernel wherever the compiler finds that this takes fewer bytes.
    "size": Optimization(name="size", flag="-Os", macro="SMIDGEN_FOR_SIZE"),
}


def find_optimization(name: str) -> Optimization:
    """Return a choice by name; raise ConfigError with the nearest one."""
    if name not in OPTIMIZATIONS:
        raise ConfigError(f"a program cannot be optimized for {name!r}; {nearest(name, OPTIMIZATIONS)}")
    return OPTIMIZATIONS[name]
