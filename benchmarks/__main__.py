"""`make bench`: what compiling costs by stage, programs by kind of operator, and kernels beside their targets."""

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.kernels import RESULTS as KERNEL_RESULTS
from benchmarks.kernels import write_kernel_records
from benchmarks.keyword_program import compile_keyword_program
from benchmarks.room_programs import compile_room_program
from smidgen.firmware import Firmware
from smidgen.training.presets import PRESET_MODELS
from smidgen.whole_file import write_whole

RECIPES = ("int8", "float32")
RESULTS = Path("results/bench.json")


def main() -> None:
    """Compile every model twice (the second is warm), print the tables and write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the record (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    compiled = [(model, recipe, compile_room_program(model, recipe)) for recipe in RECIPES for model in PRESET_MODELS]
    compiled += [("keyword", recipe, compile_keyword_program(recipe)) for recipe in RECIPES]
    console = Console(width=118)
    console.print(_stages_table(compiled))
    console.print(_operators_table(compiled))
    console.print(write_kernel_records(KERNEL_RESULTS))
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
    write_whole(arguments.out, (json.dumps(record, indent=1) + "\n").encode())


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
