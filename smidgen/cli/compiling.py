"""The verbs from a model to proven firmware: compile and verify."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smidgen.cli.options import Json, Recipe, Run, Target, print_json


def compile(run: Run, recipe: Recipe = "int8", target: Target = "cortex-m4", as_json: Json = False) -> None:
    """Compile a trained run to C; the firmware folder is RUN/build/RECIPE-TARGET."""
    firmware = _compiled(run, recipe, target)[1]
    if as_json:
        print_json(firmware.measurement.to_dict())
    else:
        print(firmware)


def verify(run: Run, recipe: Recipe = "int8", target: Target = "cortex-m4", as_json: Json = False) -> None:
    """Prove a compiled run on its held-out windows; exit status 1 if any byte differs."""
    experiment, firmware = _compiled(run, recipe, target)
    evaluation = experiment.evaluate(firmware)
    if as_json:
        print_json({**asdict(evaluation.record), "check": evaluation.report.to_dict()})
    else:
        print(evaluation.report.table())
        print(
            f"held-out {experiment.split.name}: macro-F1 {evaluation.record.macro_f1_integer:.3f} compiled, "
            f"{evaluation.record.macro_f1_float:.3f} float"
        )
    if evaluation.record.mismatched_bytes:
        sys.exit(1)


def _compiled(run: Path, recipe: str, target: str) -> Any:
    from smidgen.experiment import load_job

    experiment = load_job(run).open()
    program = experiment.import_model(experiment.trained())
    return experiment, experiment.compile(program, recipe, target=target)
