"""What a program is compiled for: a core, the memory that it may use, and what turns cycles into time and energy."""

from dataclasses import dataclass

from smidgen.errors import ConfigError
from smidgen.targets.core import CORES, Core

#: Budget of a core without a board: the small microcontrollers that Smidgen is made for.
DEFAULT_FLASH_BYTES = 64 * 1024
DEFAULT_RAM_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveCurrent:
    """Current that a microcontroller draws while its core runs from flash, typical, at room temperature."""

    ua_per_mhz: float
    supply_v: float
    source: str = ""  # the document, and under which conditions it states the current

    def __post_init__(self) -> None:
        if not (self.ua_per_mhz > 0 and self.supply_v > 0):
            raise ConfigError(f"a current and its supply must be positive, got {self.ua_per_mhz}, {self.supply_v}")

    @property
    def pj_per_cycle(self) -> float:
        """Energy of one clock cycle: 1 uA/MHz is 1 pC a cycle."""
        return self.ua_per_mhz * self.supply_v


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A core with its memory: a microcontroller by its own name, or a core under a default budget by the core's."""

    name: str
    core: Core
    flash_bytes: int | None  # None: no limit is checked
    ram_bytes: int | None
    clock_hz: int | None = None  # the fastest that its datasheet allows
    active_current: ActiveCurrent | None = None
    source: str = ""  # of memory and clock: the documents that they were read in, and what is left out

    def __post_init__(self) -> None:
        for what, value in (("flash", self.flash_bytes), ("RAM", self.ram_bytes), ("clock", self.clock_hz)):
            if value is not None and (type(value) is not int or value < 1):
                raise ConfigError(f"target {self.name} needs a positive whole number for its {what}, got {value!r}")

    @property
    def is_board(self) -> bool:
        """True for a microcontroller, False for a core by itself."""
        return self.name != self.core.name

    def latency_us(self, cycles: int) -> float | None:
        """Return the time that `cycles` take at the fastest clock; None where no clock is known."""
        return None if self.clock_hz is None else cycles * 1e6 / self.clock_hz

    def energy_uj(self, cycles: int) -> float | None:
        """Return the energy that `cycles` take in run mode; None where the datasheet's current is not known."""
        return None if self.active_current is None else cycles * self.active_current.pj_per_cycle * 1e-6


def core_target(core: Core) -> Target:
    """Return a core under the default budget; a core that is no microcontroller has none."""
    if not core.is_emulated:
        return Target(name=core.name, core=core, flash_bytes=None, ram_bytes=None, source="no limit")
    return Target(
        name=core.name,
        core=core,
        flash_bytes=DEFAULT_FLASH_BYTES,
        ram_bytes=DEFAULT_RAM_BYTES,
        source="default budget of a core without a board",
    )


#: Every core by itself.
CORE_TARGETS: dict[str, Target] = {core.name: core_target(core) for core in CORES.values()}
