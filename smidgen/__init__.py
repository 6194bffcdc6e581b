"""Smidgen: PyTorch sequence models to proven C99 firmware for small microcontrollers.

`compile`, `stream`, `quantize_aware`, `load_model`, `Firmware`, `StreamingFirmware`, `Input`, `Recipe` and `Rule` need
the extra `train` (torch) and load on first use;
the packages `ir`, `passes`, `codegen` and `verification` work without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smidgen.compression import Input, Recipe, Rule
    from smidgen.compression.quantization_aware import quantize_aware
    from smidgen.firmware import Firmware
    from smidgen.models import load_model
    from smidgen.pipeline import compile, stream
    from smidgen.streaming import StreamingFirmware

__all__ = [
    "Firmware", "Input", "Recipe", "Rule", "StreamingFirmware", "compile", "load_model", "quantize_aware", "stream",
]  # fmt: skip

_HOMES = {
    "Firmware": "smidgen.firmware",
    "Input": "smidgen.compression",
    "Recipe": "smidgen.compression",
    "Rule": "smidgen.compression",
    "StreamingFirmware": "smidgen.streaming",
    "compile": "smidgen.pipeline",
    "load_model": "smidgen.models",
    "quantize_aware": "smidgen.compression.quantization_aware",
    "stream": "smidgen.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'smidgen' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
