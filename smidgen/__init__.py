"""Smidgen: PyTorch sequence models to proven C99 firmware for small microcontrollers.

`compile`, `load_model`, `Firmware`, `Input`, `Recipe` and `Rule` need the extra `train` (torch) and load on first use;
the packages `ir`, `passes`, `codegen` and `verification` work without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smidgen.compression import Input, Recipe, Rule
    from smidgen.firmware import Firmware
    from smidgen.models import load_model
    from smidgen.pipeline import compile

__all__ = ["Firmware", "Input", "Recipe", "Rule", "compile", "load_model"]

_HOMES = {
    "Firmware": "smidgen.firmware",
    "Input": "smidgen.compression",
    "Recipe": "smidgen.compression",
    "Rule": "smidgen.compression",
    "compile": "smidgen.pipeline",
    "load_model": "smidgen.models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'smidgen' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
