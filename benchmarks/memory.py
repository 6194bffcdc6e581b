"""`python -m benchmarks.memory`: the arena of every program beside its lower bound, its stack and code beside budgets.

The programs are those of the other benchmarks: the study's networks, the keyword block, a transformer encoder of 50
frames, and the foreign models. Written to results/memory.json.
"""

import argparse
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

import smidgen
from benchmarks.keyword_program import compile_keyword_program
from benchmarks.room_programs import compile_room_program
from benchmarks.zoo import ZOO, Specimen
from smidgen.compression import calibrate, find_recipe, import_model, make_plan
from smidgen.errors import SmidgenError
from smidgen.firmware import Firmware
from smidgen.ir import Graph
from smidgen.lowering import lower
from smidgen.passes import MemoryPlan, fold, plan_memory, schedule
from smidgen.streaming import StreamingFirmware
from smidgen.targets import find_target
from smidgen.training.presets import PRESET_MODELS
from smidgen.whole_file import write_whole

RESULTS = Path("results/memory.json")
RECIPES = ("int8", "float32")
COMMAND = "python -m benchmarks.memory"

_KIB = 1024
_STACK_BYTES = 256  # most of any entry point
_BOARD = replace(find_target("cortex-m4"), flash_bytes=1 << 20, ram_bytes=1 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Most bytes that a program may take: of RAM in all, and of code when it is made for size."""

    ram_bytes: int | None = None
    code_bytes: int | None = None


_BUDGETED = (
    ("stack_bytes", "stack_budget_bytes"), ("ram_bytes", "ram_budget_bytes"),
    ("code_bytes_for_size", "code_budget_bytes"),
)  # fmt: skip

#: By model, recipe and mode.
BUDGETS = {
    ("mamba", "int8", "window"): Budget(code_bytes=6 * _KIB),
    ("transformer", "int8", "window"): Budget(code_bytes=8 * _KIB),
    ("encoder-50x64", "int8-pure", "window"): Budget(ram_bytes=24 * _KIB, code_bytes=8 * _KIB),
    ("encoder-50x64", "int8", "window"): Budget(ram_bytes=24 * _KIB, code_bytes=8 * _KIB),
    ("keyword", "int8", "stream"): Budget(ram_bytes=12 * _KIB),
    ("keyword", "float32", "stream"): Budget(ram_bytes=16 * _KIB),
}


def main() -> None:
    """Compile and measure every program, print a table and write the records."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's own, while it traces
    records = []
    for model, recipe, firmware in _programs():
        records += _measured(model, recipe, firmware)
        print(json.dumps(records[-1]), flush=True)
    for name, specimen in ZOO.items():
        records += _planned(name, specimen)
        print(json.dumps(records[-1]), flush=True)
    Console(width=118).print(_table(records))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())


def _programs() -> Iterator[tuple[str, str, Firmware]]:
    for recipe in RECIPES:
        for model in PRESET_MODELS:
            yield model, recipe, compile_room_program(model, recipe)
        yield "keyword", recipe, compile_keyword_program(recipe)
    for recipe in ("int8-pure", *RECIPES):
        yield "encoder-50x64", recipe, _encoder(recipe)


def _encoder(recipe: str) -> Firmware:
    """Return a transformer encoder as PyTorch writes it: T=50, D=64, 4 heads, feed-forward 128, 2 layers."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x = torch.randn(64, 50, 64)
    return smidgen.compile(encoder, x[:1], calibration=x, recipe=recipe, target=_BOARD, name="encoder")


def _measured(model: str, recipe: str, firmware: Firmware) -> list[dict[str, Any]]:
    """Return a record of the window, and one of the stream where the model streams."""
    modes: list[tuple[str, Firmware | StreamingFirmware]] = [("window", firmware)]
    if firmware.streaming is not None:
        modes.append(("stream", firmware.streaming))
    return [{"model": model, "recipe": recipe, "mode": mode, **_costs(model, recipe, mode, f)} for mode, f in modes]


def _planned(name: str, specimen: Specimen) -> list[dict[str, Any]]:
    """Return records of a foreign model's arena; what it costs to run is in results/foreign.json."""
    x = specimen.inputs(16)
    records = []
    try:
        program = import_model(specimen.model(), (x[:2],))
        for recipe in RECIPES:
            chosen = find_recipe(recipe)
            calibration = None if chosen.is_float else calibrate(program, [(x,)])
            lowered = lower(program, make_plan(program, calibration, chosen), name="specimen")
            planned = _arena(plan_memory(schedule(fold(lowered))), lowered)
            records.append({"model": name, "recipe": recipe, "mode": "window", **planned})
    except SmidgenError as error:
        records.append({"model": name, "recipe": "", "mode": "window", "refused": str(error), "command": COMMAND})
    return records


def _arena(plan: MemoryPlan, lowered: Graph | None) -> dict[str, Any]:
    """Return the arena beside its bound, and what it took in the order of the source, known of windows."""
    return {
        "arena_bytes": plan.arena_bytes,
        "lower_bound_bytes": plan.lower_bound_bytes,
        "gap": plan.gap,
        "arena_bytes_in_order_of_source": None if lowered is None else plan_memory(fold(lowered)).arena_bytes,
        "peak_op": plan.peak_op,
        "command": COMMAND,
    }


def _costs(model: str, recipe: str, mode: str, firmware: Firmware | StreamingFirmware) -> dict[str, Any]:
    budget = BUDGETS.get((model, recipe, mode), Budget())
    costs = firmware.measurement
    code = firmware.choices["size"].code_bytes if budget.code_bytes is not None else None
    return {
        **_arena(firmware.plan, firmware.lowered if isinstance(firmware, Firmware) else None),
        "state_bytes": costs.state_bytes,
        "stack_bytes": costs.stack_bytes,
        "stack_budget_bytes": _STACK_BYTES,
        "ram_bytes": costs.ram_bytes,
        "ram_budget_bytes": budget.ram_bytes,
        "code_bytes_for_size": code,
        "code_budget_bytes": budget.code_bytes,
    }


def _table(records: list[dict[str, Any]]) -> Table:
    table = Table(title="memory in bytes; budgets in brackets", title_justify="left")
    for heading in ("model", "recipe", "mode"):
        table.add_column(heading)
    for heading in ("arena", "bound", "in source's order", "stack", "RAM", "code for size"):
        table.add_column(heading, justify="right")
    for record in records:
        if "refused" in record:
            continue
        ordered = record["arena_bytes_in_order_of_source"]
        table.add_row(
            record["model"], record["recipe"], record["mode"], f"{record['arena_bytes']:,}",
            f"{record['lower_bound_bytes']:,}", "" if ordered is None else f"{ordered:,}",
            *(_beside(record.get(key), record.get(budget)) for key, budget in _BUDGETED),
        )  # fmt: skip
        if record["gap"]:
            table.add_row("", "", "", record["gap"])
    return table


def _beside(value: int | None, budget: int | None) -> str:
    if value is None:
        return ""
    over = "" if budget is None else f" ({budget:,}{', over' if value > budget else ''})"
    return f"{value:,}{over}"


if __name__ == "__main__":
    main()
