"""`make bench`: what compiling costs by stage, and what the programs cost by kind of operator."""

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import smidgen
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.firmware import Firmware
from smidgen.models import MODEL_NAMES, LastStep, build_model
from smidgen.training.presets import find_preset

RECIPES = ("int8", "float32")
RESULTS = Path("results/bench.json")
_ACCESS_POINTS, _MOTION, _ROOMS = 4, 6, 9


def main() -> None:
    """Compile every model twice (the second is warm), print both tables and write the record."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the record (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compiled = [(model, recipe, _compile(model, recipe)) for recipe in RECIPES for model in MODEL_NAMES]
    console = Console(width=118)
    console.print(_stages_table(compiled))
    console.print(_operators_table(compiled))
    record = {
        "command": "make bench",
        "cores": os.cpu_count(),
        "compile_seconds": [
            {"model": model, "recipe": recipe, **firmware.compile_seconds} for model, recipe, firmware in compiled
        ],
        "operators": [
            {"model": model, "recipe": recipe, **row}
            for model, recipe, firmware in compiled
            for row in _by_kind(firmware)
        ],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(record, indent=1) + "\n")


def _compile(model: str, recipe: str) -> Firmware:
    """Compile a model of the SPHERE preset twice and return the second; other weights, so that no build is cached.

    The model is untrained: its cost does not depend on its weights.
    """
    preset = find_preset("sphere")
    windows = _windows(64, preset.length)
    for seed in range(2):
        torch.manual_seed(seed)
        network = build_model(
            model, n_access_points=_ACCESS_POINTS, n_motion=_MOTION, n_rooms=_ROOMS, **preset.models[model].shape
        )
        firmware = smidgen.compile(
            LastStep(network),
            tuple(value[:1] for value in windows),
            calibration=windows,
            recipe=recipe,
            name="rooms",
            inputs=SENSOR_INPUTS,
        )
    return firmware


def _windows(n: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    rssi = torch.randint(-100, -40, (n, length, _ACCESS_POINTS), generator=generator).float()
    rssi[torch.rand(rssi.shape, generator=generator) < 0.3] = 127.0
    return rssi, 0.3 * torch.randn(n, length, _MOTION, generator=generator)


def _stages_table(compiled: list[tuple[str, str, Firmware]]) -> Table:
    table = Table(title="compile, warm: seconds by stage", title_justify="left")
    table.add_column("model")
    table.add_column("recipe")
    stages = list(compiled[0][2].compile_seconds)
    for stage in (*stages, "total"):
        table.add_column(stage, justify="right")
    for model, recipe, firmware in compiled:
        seconds = firmware.compile_seconds
        cells = [*(seconds[stage] for stage in stages), sum(seconds.values())]
        table.add_row(model, recipe, *(f"{value:.2f}" for value in cells))
    return table


def _operators_table(compiled: list[tuple[str, str, Firmware]]) -> Table:
    table = Table(title="instructions of one window on cortex-m4, by operator (exact)", title_justify="left")
    for heading in ("model", "recipe", "operator"):
        table.add_column(heading)
    for heading in ("MACs", "instructions", "per MAC", "share"):
        table.add_column(heading, justify="right")
    for model, recipe, firmware in compiled:
        for row in _by_kind(firmware):
            per_mac = f"{row['instructions'] / row['macs']:.2f}" if row["macs"] else ""
            share = f"{100 * row['instructions'] / firmware.measurement.instructions:.1f} %"
            table.add_row(model, recipe, row["op"], f"{row['macs']:,}", f"{row['instructions']:,}", per_mac, share)
        table.add_section()
    return table


def _by_kind(firmware: Firmware) -> list[dict[str, Any]]:
    macs: Counter[str] = Counter()
    instructions: Counter[str] = Counter()
    for layer in firmware.measurement.layers:
        macs[layer.op] += layer.macs
        instructions[layer.op] += layer.instructions
    return [{"op": op, "macs": macs[op], "instructions": count} for op, count in instructions.most_common()]


if __name__ == "__main__":
    main()
