"""`python -m benchmarks.targets`: the same programs on every target, as flat records in results/targets.json."""

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks.room_programs import compile_room_program, room_windows
from smidgen.firmware import Firmware
from smidgen.targets import CORE_TARGETS, Target
from smidgen.training.presets import PRESET_MODELS
from smidgen.verification import compare, open_runner
from smidgen.whole_file import write_whole

RESULTS = Path("results/targets.json")
PROGRAMS = (*((model, "int8") for model in PRESET_MODELS), ("mamba", "float32"))
_WINDOWS = 64
_TOOLS = ("smidgen", "ziglang", "unicorn", "wasmtime")


def main() -> None:
    """Compile the study's networks, run each on every core, in the engine and on the host, and write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.targets", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    records = []
    for model, recipe in PROGRAMS:
        firmware = compile_room_program(model, recipe)
        for target in CORE_TARGETS.values():
            records.append({"model": model, "recipe": recipe, **_measured(firmware, target)})
            print(records[-1])
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())


def _measured(firmware: Firmware, target: Target) -> dict[str, Any]:
    """Return what one program costs on one target, and how many bytes of its outputs differ there."""
    batch = room_windows(_WINDOWS)
    inputs = firmware.quantize_inputs(batch)
    runner = open_runner(firmware.program, target)
    found = compare(firmware.run_integers(batch), runner.run(inputs), firmware.graph.outputs)
    costs = runner.measure([array[:8] for array in inputs]).to_dict()
    return {
        **{key: value for key, value in costs.items() if key != "layers"},
        "n_windows": _WINDOWS,
        "mismatched_bytes": found.mismatched_bytes,
        "command": "python -m benchmarks.targets",
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }


if __name__ == "__main__":
    main()
