"""The verb that lists what can be compiled for."""

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from smidgen.cli.options import Json, print_json
from smidgen.targets import TARGETS, Target

_TABLE_COLUMNS = 100  # of a table that goes to a file or a pipe


def targets(as_json: Json = False) -> None:
    """List cores and boards: core, flash, RAM, clock, DSP extension, floating-point unit."""
    if as_json:
        print_json([_entry(target) for target in TARGETS.values()])
        return
    table = Table()
    for heading in ("name", "core"):
        table.add_column(heading)
    for heading in ("flash", "RAM", "clock"):
        table.add_column(heading, justify="right")
    for heading in ("DSP", "FPU"):
        table.add_column(heading)
    for target in TARGETS.values():
        table.add_row(
            target.name,
            target.core.name,
            _kilobytes(target.flash_bytes),
            _kilobytes(target.ram_bytes),
            "" if target.clock_hz is None else f"{target.clock_hz / 1e6:g} MHz",
            "yes" if target.core.has_dsp else "",
            "yes" if target.core.has_fpu else "",
        )
    console = Console()
    (console if console.is_terminal else Console(width=_TABLE_COLUMNS)).print(table)


def _entry(target: Target) -> dict[str, Any]:
    core = asdict(target.core)
    return {**asdict(target), "core": {**core, "architecture": target.core.architecture.value}}


def _kilobytes(n_bytes: int | None) -> str:
    return "" if n_bytes is None else f"{n_bytes // 1024} KB"
