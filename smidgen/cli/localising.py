"""The verb from recordings to rooms: who finds them best, and the firmware that does."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from smidgen.cli.options import Data, Json, Root, print_json

_TABLE_COLUMNS = 118  # of a table that goes to a file or a pipe


def localise(
    data: Data = "simulated",
    root: Root = None,
    out: Annotated[Path, typer.Option(help="Run folder; a killed study continues there.")] = Path("runs/localisation"),
    folds: Annotated[int | None, typer.Option(help="Held-out parts to run, the first ones; all by default.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds per held-out part.", min=1)] = 3,
    models: Annotated[
        str | None, typer.Option(help="Names of contestants, with commas between; all by default.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One held-out part and one seed: below 15 minutes.")] = False,
    records: Annotated[
        Path, typer.Option(help="Folder of the records of other benchmarks, which the page shows too.")
    ] = Path("results"),
    as_json: Json = False,
) -> None:
    """Train, compile and prove every way to find rooms; print the leaderboard, write page and firmware."""
    from smidgen.errors import ConfigError
    from smidgen.localisation import CONTESTANTS, StudyConfig, run_study
    from smidgen.report import study_table, write_study

    if quick and folds is not None:
        raise ConfigError("--quick runs one held-out part with one seed; leave --folds out, or --quick")
    command = " ".join(["smidgen", *sys.argv[1:]])
    config = StudyConfig(
        data=data,
        root=root,
        out=out,
        folds=1 if quick else folds,
        seeds=1 if quick else seeds,
        contestants=tuple(CONTESTANTS) if models is None else tuple(name.strip() for name in models.split(",")),
        command=command,
    )
    document = run_study(config)
    page = write_study(out, records=records)
    if as_json:
        print_json(document["entries"])
    else:
        console = Console()
        (console if console.is_terminal else Console(width=_TABLE_COLUMNS)).print(study_table(document))
    Console(stderr=True).print(f"wrote {page}", soft_wrap=True)
    if any(entry["mismatched_bytes"] for entry in document["entries"]):
        sys.exit(1)
