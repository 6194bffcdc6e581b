"""What Smidgen compiles for: cores, and microcontrollers by name."""

from smidgen.errors import ConfigError, nearest
from smidgen.targets.boards import BOARDS, FAMILIES
from smidgen.targets.core import CORES, Architecture, Core
from smidgen.targets.radio_current import RADIO_CURRENTS, RadioCurrent
from smidgen.targets.span import Span
from smidgen.targets.target import CORE_TARGETS, ActiveCurrent, Target
from smidgen.targets.wear_energy import ARRANGEMENTS, WearConfig, WearEnergy, WearPart, estimate_wear_energy

__all__ = [
    "ARRANGEMENTS",
    "BOARDS",
    "CORES",
    "CORE_TARGETS",
    "EMULATED_CORES",
    "FAMILIES",
    "RADIO_CURRENTS",
    "TARGETS",
    "ActiveCurrent",
    "Architecture",
    "Core",
    "RadioCurrent",
    "Span",
    "Target",
    "WearConfig",
    "WearEnergy",
    "WearPart",
    "estimate_wear_energy",
    "find_target",
]

#: Cores by themselves, then boards.
TARGETS: dict[str, Target] = {**CORE_TARGETS, **BOARDS}

#: The cores by themselves on which instructions are counted.
EMULATED_CORES: dict[str, Target] = {name: target for name, target in CORE_TARGETS.items() if target.core.is_emulated}


def find_target(name: str) -> Target:
    """Return the core or board called `name`, in any case, hyphens or none; a family gives the part that stands for it.

    Raises ConfigError that names the nearest one.
    """
    if not isinstance(name, str):
        raise ConfigError(f"a target is found by its name, a str, got {name!r}; a Target of your own is taken as it is")
    by_key = {_key(known): target for known, target in TARGETS.items()}
    by_key.update({_key(family): TARGETS[part] for family, part in FAMILIES.items()})
    if _key(name) not in by_key:
        raise ConfigError(f"unknown target {name!r}; {nearest(name.lower(), [*TARGETS, *FAMILIES])}")
    return by_key[_key(name)]


def _key(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
