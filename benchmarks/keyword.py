"""`python -m benchmarks.keyword`: the keyword block of the peers, trained, compiled, scored: results/keyword.json.

Both forms of the decay rates, int8 and float32, frame by frame and as a window of 100 frames, beside the published
engine. A finished training is read back from its run folder, so measuring again after a change of kernels takes a
minute. Every choice was made on takes 5 to 9 of the training side; the test takes are scored once, here.
"""

import argparse
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from benchmarks.keyword_program import FRAMES, compile_spotter
from benchmarks.spoken_digits import FORMS, SpokenDigits
from smidgen.compression import Recipe, find_recipe
from smidgen.ir.ops import states_of
from smidgen.models import KeywordSpotter
from smidgen.records import Measurement
from smidgen.streaming import StreamingFirmware
from smidgen.training import KeywordExamples
from smidgen.whole_file import write_whole

RESULTS = Path("results/keyword.json")
#: The last of the integer ones halves what the scan carries.
RECIPES = (
    find_recipe("int8"), find_recipe("int8-pure"),
    replace(find_recipe("int8-pure"), name="int8-pure-state16", scan_state="int16"), find_recipe("float32"),
)  # fmt: skip
COMMAND = "python -m benchmarks.keyword"

_KIB = 1024
_MILLION = 1_000_000
_CALIBRATION, _PROVED, _STREAMED = 128, 32, 2  # windows; the reference scores all, C is held against it on these
_COSTS = (
    ("ram_bytes", "ram_target_bytes"), ("flash_bytes", "flash_target_bytes"), ("instructions", "target_instructions")
)  # fmt: skip
_TOOLS = ("smidgen", "torch", "lightning", "ziglang", "unicorn")
#: What is published for this block: MambaLite-Micro (arXiv:2509.05488), float32, one window; its heap as RAM.
PUBLISHED = {
    "form": "published engine", "recipe": "float32", "mode": "window", "optimize": "", "ram_bytes": 285_432,
    "flash_bytes": 143_700, "instructions": 40_800_000,
}  # fmt: skip


def main() -> None:
    """Train, or read back, every form and seed; compile, prove, score and measure; print a table; write the record."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("--root", type=Path, default=Path("../shared/data"), help="folder that holds fsdd")
    parser.add_argument("--runs", type=Path, default=Path("runs/keyword"), help="where trainings are kept")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the record (default {RESULTS})")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each form (default 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    digits = SpokenDigits(arguments.root)
    command = f"{COMMAND} --seeds {arguments.seeds}"
    records = []
    for form in FORMS:
        for seed in range(arguments.seeds):
            model = digits.trained(form, seed=seed, runs=arguments.runs)
            for recipe in RECIPES:
                found = {"form": form, "recipe": recipe.name, "seed": seed}
                records += [
                    {**found, **record, "command": command} for record in _measured(model, form, recipe, digits)
                ]
                print(json.dumps(records[-1]), flush=True)
    Console(width=118).print(_table(records))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.out, (json.dumps([PUBLISHED, *records], indent=1) + "\n").encode())


def _measured(model: KeywordSpotter, form: str, recipe: Recipe, digits: SpokenDigits) -> list[dict[str, Any]]:
    """Return records of the window and of the stream, one for each thing that a program can be made for."""
    chosen = torch.randperm(len(digits.training.label), generator=torch.Generator().manual_seed(0))[:_CALIBRATION]
    calibration = digits.training.features[chosen]
    firmware = compile_spotter(model, recipe, calibration)
    stream = firmware.streaming
    assert stream is not None
    report = firmware.check(digits.test.features[:_PROVED], emulate=2)
    streamed = stream.check(digits.test.features[:_STREAMED], emulate=FRAMES)
    scores = {
        "accuracy_float": _accuracy(_logits(model, digits.test), digits.test),
        "accuracy_integer": _accuracy(firmware.run(digits.test.features), digits.test),
        "validation_accuracy_float": _accuracy(_logits(model, digits.validation), digits.validation),
        "validation_accuracy_integer": _accuracy(firmware.run(digits.validation.features), digits.validation),
        "n_test": len(digits.test.label),
        "n_proved": _PROVED,
        "parameters": firmware.float_program.parameter_count,
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }
    window = {
        "arena_lower_bound_bytes": firmware.plan.lower_bound_bytes,
        "mismatched_bytes": report.mismatched_bytes,
    }
    steps = {
        "arena_lower_bound_bytes": stream.plan.lower_bound_bytes,
        "mismatched_bytes": streamed.mismatched_bytes,
        "state_dtypes": _state_dtypes(stream),
    }
    return [
        {"mode": mode, "optimize": optimize, **scores, **proof, **_costs(costs, runs), **asked}
        for mode, proof, choices, runs, asked in (
            ("window", window, firmware.choices, 1, {}),
            ("stream", steps, stream.choices, FRAMES, _targets(form, recipe)),
        )
        for optimize, costs in choices.items()
    ]


def _targets(form: str, recipe: Recipe) -> dict[str, int]:
    """Return the most that a stream may take, in all; RAM of int8 programs by what the scan carries."""
    if recipe.is_float:
        return {"ram_target_bytes": 16 * _KIB, "target_instructions": 25 * _MILLION}
    instructions = 7 * _MILLION if form == "A_n = n*a" else 9 * _MILLION
    ram_bytes = (12 if recipe.scan_state == "int32" else 8) * _KIB
    return {"ram_target_bytes": ram_bytes, "flash_target_bytes": 46 * _KIB, "target_instructions": instructions}


def _logits(model: KeywordSpotter, examples: KeywordExamples) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(examples.features)
    return logits


def _accuracy(logits: Any, examples: KeywordExamples) -> float:
    return round((logits.argmax(1) == examples.label).float().mean().item(), 4)


def _costs(costs: Measurement, runs: int) -> dict[str, Any]:
    """Return what counts of a measurement; instructions of `runs` runs, which are 100 frames."""
    assert costs.instructions is not None
    return {
        "ram_bytes": costs.ram_bytes,
        "context_bytes": costs.context_bytes,
        "state_bytes": costs.state_bytes,
        "arena_bytes": costs.arena_bytes,
        "io_bytes": costs.io_bytes,
        "stack_bytes": costs.stack_bytes,
        "flash_bytes": costs.flash_bytes,
        "code_bytes": costs.code_bytes,
        "instructions": runs * costs.instructions,
    }


def _state_dtypes(stream: StreamingFirmware) -> str:
    """Return the types of what the scan carries from frame to frame."""
    scans = [op for op in stream.graph.ops if op.kind == "selective_scan"]
    return " ".join(sorted({state.dtype for op in scans for state in states_of(stream.graph, op)}))


def _table(records: list[dict[str, Any]]) -> Table:
    table = Table(title="keyword block, 100 frames; targets in brackets (streaming)", title_justify="left")
    for heading in ("form", "recipe", "mode", "for"):
        table.add_column(heading)
    for heading in ("accuracy", "float's", "RAM B", "flash B", "instructions"):
        table.add_column(heading, justify="right")
    for record in [PUBLISHED, *records]:
        scored = [f"{record[key]:.1%}" if key in record else "" for key in ("accuracy_integer", "accuracy_float")]
        costs = [_beside(record, *keys) for keys in _COSTS]
        table.add_row(*(record[key] for key in ("form", "recipe", "mode", "optimize")), *scored, *costs)
    return table


def _beside(record: dict[str, Any], key: str, target_key: str) -> str:
    target = record.get(target_key)
    return f"{record[key]:,}" if target is None else f"{record[key]:,} ({target:,})"


if __name__ == "__main__":
    main()
