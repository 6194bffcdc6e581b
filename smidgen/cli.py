"""The command line: `smidgen VERB`. Each area brings its own verbs; here they are gathered and errors are told.

Results go to stdout (`--json` for machines), progress and errors to stderr; the exit status is 0 for success, 1 for
anything that Smidgen refuses or finds wrong, 2 for a command line it does not understand.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from smidgen.data.cli import app as data_app
from smidgen.errors import SmidgenError

app = typer.Typer(
    help="PyTorch sequence models to proven C99 firmware for small microcontrollers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")

_TABLE_COLUMNS = 118  # of a table that goes to a file or a pipe

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[str, typer.Option(help="simulated, or sphere (real recordings, needs --root).")]
Root = Annotated[Path | None, typer.Option(help="Folder that holds the real recordings.", envvar="SMIDGEN_DATA")]
Run = Annotated[Path, typer.Argument(help="Run folder, made by `smidgen train`.")]
Recipe = Annotated[str, typer.Option(help="int8, float32, int16, or a TOML file.")]
Target = Annotated[str, typer.Option(help="Core to compile for.")]


@app.command()
def demo(
    data: Data = "simulated",
    root: Root = None,
    out: Annotated[Path, typer.Option(help="Run folder; a killed demo continues there.")] = Path("runs/demo"),
    folds: Annotated[int | None, typer.Option(help="Held-out parts to run, the first ones; all by default.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds per held-out part.", min=1)] = 1,
    as_json: Json = False,
) -> None:
    """Train, compile and prove every model; print one table and write a page."""
    from smidgen.demo import SUMMARY, DemoConfig, run_demo
    from smidgen.report import results_table, write_report

    config = DemoConfig(data=data, root=root, out=out, folds=folds, seeds=seeds, command=_command())
    document = run_demo(config)
    page = write_report(out)
    if as_json:
        _print_json({key: document[key] for key in SUMMARY})
    else:
        console = Console()
        (console if console.is_terminal else Console(width=_TABLE_COLUMNS)).print(results_table(document))
    Console(stderr=True).print(f"wrote {page} and {out / 'summary.json'}", soft_wrap=True)
    if any(result["mismatched_bytes"] for result in document["results"]):
        sys.exit(1)


@app.command()
def report(run: Run) -> None:
    """Draw a demo's page again from its records."""
    from smidgen.report import write_report

    print(write_report(run))


@app.command()
def train(
    run: Run,
    model: Annotated[str, typer.Option(help="mamba, transformer or gru.")] = "mamba",
    data: Data = "simulated",
    root: Root = None,
    split: Annotated[int, typer.Option(help="Which part to hold out, counted from 0.")] = 0,
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
) -> None:
    """Train one model; a killed run continues from its last whole epoch."""
    from smidgen.experiment import Job, save_job

    job = Job(
        data=data,
        root=None if root is None else str(root),
        split=split,
        model=model,
        seed=seed,
        emulate=None,
        folder=str(run),
    )
    experiment = job.open()
    save_job(job)
    result = experiment.train(progress=sys.stderr.isatty())
    print(f"{run}: {model} trained on {len(experiment.training)} windows, {experiment.split.name} held out")
    if result.resumed_at == experiment.epochs:
        print("the run was complete; nothing was trained")
    elif result.resumed_at:
        print(f"continued after {result.resumed_at} whole epochs")


@app.command()
def compile(run: Run, recipe: Recipe = "int8", target: Target = "cortex-m4", as_json: Json = False) -> None:
    """Compile a trained run to C; the firmware folder is RUN/RECIPE."""
    firmware = _compiled(run, recipe, target)[1]
    if as_json:
        _print_json(firmware.measurement.to_dict())
    else:
        print(firmware)


@app.command()
def verify(run: Run, recipe: Recipe = "int8", target: Target = "cortex-m4", as_json: Json = False) -> None:
    """Prove a compiled run on its held-out windows; exit status 1 if any byte differs."""
    experiment, firmware = _compiled(run, recipe, target)
    evaluation = experiment.evaluate(firmware)
    if as_json:
        _print_json({**asdict(evaluation.record), "check": evaluation.report.to_dict()})
    else:
        print(evaluation.report)
        print(
            f"held-out {experiment.split.name}: macro-F1 {evaluation.record.macro_f1_integer:.3f} compiled, "
            f"{evaluation.record.macro_f1_float:.3f} float"
        )
    if evaluation.record.mismatched_bytes:
        sys.exit(1)


def main() -> None:
    """Run the command line and exit; whatever Smidgen refuses, or a disk, becomes one red message."""
    try:
        app()
    except (SmidgenError, OSError) as error:
        Console(stderr=True).print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        sys.exit(1)


def _compiled(run: Path, recipe: str, target: str) -> Any:
    from smidgen.experiment import load_job

    experiment = load_job(run).open()
    program = experiment.import_model(experiment.trained())
    return experiment, experiment.compile(program, recipe, target=target)


def _command() -> str:
    return " ".join(["smidgen", *sys.argv[1:]])


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1))
