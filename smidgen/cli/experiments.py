"""The verbs of the localisation study: train one network, demonstrate all of them, draw their page."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from smidgen.cli.options import Data, Json, Root, Run, print_json

if TYPE_CHECKING:
    from smidgen.experiment import Experiment
    from smidgen.training import TrainingResult

_TABLE_COLUMNS = 118  # of a table that goes to a file or a pipe


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

    command = " ".join(["smidgen", *sys.argv[1:]])
    config = DemoConfig(data=data, root=root, out=out, folds=folds, seeds=seeds, command=command)
    document = run_demo(config)
    page = write_report(out)
    if as_json:
        print_json({key: document[key] for key in SUMMARY})
    else:
        console = Console()
        (console if console.is_terminal else Console(width=_TABLE_COLUMNS)).print(results_table(document))
    Console(stderr=True).print(f"wrote {page} and {out / 'summary.json'}", soft_wrap=True)
    if any(result["mismatched_bytes"] for result in document["results"]):
        sys.exit(1)


def report(run: Run) -> None:
    """Draw a demo's page again from its records."""
    from smidgen.report import write_report

    print(write_report(run))


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
    _told(experiment, experiment.train(progress=sys.stderr.isatty()))


def distill(
    run: Annotated[Path, typer.Argument(help="Run folder of the student; a killed training continues there.")],
    teacher: Annotated[list[Path], typer.Option(help="A complete run; repeat it for the mean of several.")],
    model: Annotated[str, typer.Option(help="The student: mamba, transformer or gru.")] = "mamba",
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    weight: Annotated[float, typer.Option(help="Of the teacher, 0..1; the labels have the rest.")] = 0.7,
    temperature: Annotated[float, typer.Option(help="At which the teacher's answers are matched.")] = 2.0,
) -> None:
    """Train a student on what teachers say, on their data and split; it compiles and verifies as any run."""
    from smidgen.experiment import Job, load_job, save_job
    from smidgen.training import DistillationConfig

    config = DistillationConfig(weight=weight, temperature=temperature)
    first = load_job(teacher[0])
    job = Job(
        data=first.data, root=first.root, split=first.split, model=model, seed=seed, emulate=None, folder=str(run)
    )
    experiment = job.open()
    teaching = experiment.taught_by(teacher, config)
    save_job(job)
    _told(experiment, experiment.train(progress=sys.stderr.isatty(), teaching=teaching))
    print(f"taught by {', '.join(map(str, teacher))}")


def _told(experiment: "Experiment", result: "TrainingResult") -> None:
    """Say what was trained, and where a killed training went on."""
    job, held_out = experiment.job, experiment.split.name
    print(f"{job.folder}: {job.model} trained on {len(experiment.training)} windows, {held_out} held out")
    if result.resumed_at == experiment.epochs:
        print("the run was complete; nothing was trained")
    elif result.resumed_at:
        print(f"continued after {result.resumed_at} whole epochs")
