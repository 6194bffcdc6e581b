"""`python -m benchmarks.foreign`: every foreign model compiled, proved and streamed, as results/foreign.json."""

import argparse
import json
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import smidgen
from benchmarks.foreign_table import FOREIGN_RECORDS
from benchmarks.zoo import ZOO, Specimen
from smidgen.errors import SmidgenError
from smidgen.firmware import Firmware
from smidgen.targets import find_target
from smidgen.verification import compare, open_runner
from smidgen.whole_file import write_whole

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ("int8", "float32")
COMMAND = "python -m benchmarks.foreign"
_TOOLS = ("smidgen", "torch", "ziglang", "unicorn")
_CALIBRATION, _WINDOWS, _EMULATED = 64, 64, 8


def main() -> None:
    """Compile every specimen under both recipes, print a table and write the records; exit 1 if a byte differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.foreign", description=main.__doc__)
    parser.add_argument(
        "--out", type=Path, default=FOREIGN_RECORDS, help=f"where to write the records (default {FOREIGN_RECORDS})"
    )
    parser.add_argument("names", nargs="*", help="some architectures only; the record is then not written")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's own, while it traces
    records = []
    for name in arguments.names or ZOO:
        for recipe in RECIPES:
            records.append({"model": name, "recipe": recipe, **measured(ZOO[name], recipe)})
            print(json.dumps(records[-1]), flush=True)
    Console(width=118).print(_table(records))
    if not arguments.names:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())
    if any(record["mismatched_bytes"] != 0 for record in records):
        raise SystemExit(1)


def measured(specimen: Specimen, recipe: str) -> dict[str, Any]:
    """Return what one specimen costs under a recipe, how near it is to its model, and whether it streams.

    A refusal is a record with its sentence and no figures; its `mismatched_bytes` is None.
    """
    common = {
        "causal": specimen.causal,
        "parameters": sum(parameter.numel() for parameter in specimen.model().parameters()),
        "command": COMMAND,
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }
    x = specimen.inputs(_CALIBRATION)
    try:
        firmware = smidgen.compile(specimen.model(), x[:2], calibration=x, recipe=recipe, name="specimen")
        report = firmware.check(specimen.inputs(_WINDOWS, seed=2), emulate=_EMULATED)
    except SmidgenError as error:
        return {**common, "refused": str(error).replace(f"{ROOT}/", ""), "mismatched_bytes": None}
    calibrated = firmware.check(x, emulate=1)
    costs = firmware.measurement
    return {
        **common,
        "refused": None,
        "mismatched_bytes": report.mismatched_bytes + _mismatched_on_m0plus(firmware, specimen),
        "n_windows": report.n_windows,
        "n_emulated": report.n_emulated,
        "sqnr_db": calibrated.to_dict()["sqnr_db"],
        "advised_sqnr_db": None if calibrated.advice is None else calibrated.advice.after_db,
        "advice": None if calibrated.advice is None else str(calibrated.advice),
        "argmax_agreement": report.argmax_agreement,
        "ram_bytes": costs.ram_bytes,
        "arena_bytes": costs.arena_bytes,
        "arena_lower_bound_bytes": firmware.plan.lower_bound_bytes,
        "stack_bytes": costs.stack_bytes,
        "flash_bytes": costs.flash_bytes,
        "instructions": costs.instructions,
        **_streamed(firmware, specimen),
    }


def _mismatched_on_m0plus(firmware: Firmware, specimen: Specimen) -> int:
    batch = (specimen.inputs(1, seed=3),)
    found = open_runner(firmware.program, find_target("cortex-m0plus")).run(firmware.quantize_inputs(batch))
    return compare(firmware.run_integers(batch), found, firmware.graph.outputs).mismatched_bytes


def _streamed(firmware: Firmware, specimen: Specimen) -> dict[str, Any]:
    stream = firmware.streaming
    if stream is None:
        return {"streams": False, "not_streaming": firmware.not_streaming}
    report = stream.check(specimen.inputs(3, seed=4))
    return {
        "streams": True,
        "stream_mismatched_bytes": report.mismatched_bytes,
        "stream_ram_bytes": stream.measurement.ram_bytes,
        "stream_state_bytes": stream.measurement.state_bytes,
        "stream_instructions": stream.measurement.instructions,
    }


def _table(records: list[dict[str, Any]]) -> Table:
    table = Table(title="foreign models", title_justify="left")
    for heading in (
        "model",
        "recipe",
        "parameters",
        "SQNR dB",
        "RAM B",
        "flash B",
        "instructions",
        "step RAM B",
        "step",
    ):
        table.add_column(heading, justify="left" if heading in ("model", "recipe") else "right")
    for record in records:
        keys = (
            "parameters",
            "sqnr_db",
            "ram_bytes",
            "flash_bytes",
            "instructions",
            "stream_ram_bytes",
            "stream_instructions",
        )
        cells = [record.get(key) for key in keys]
        table.add_row(record["model"], record["recipe"], *(_cell(cell) for cell in cells))
    return table


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    main()
