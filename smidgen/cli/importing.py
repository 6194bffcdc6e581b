"""The verb that looks into a file without running it."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from smidgen.cli.options import Json, print_json


def inspect(file: Annotated[Path, typer.Argument(help="A .pt2 file.")], as_json: Json = False) -> None:
    """Say what a .pt2 file holds without running any of it; exit status 1 if something in it could run code."""
    from smidgen.importing import inspect_pt2

    summary = inspect_pt2(file)
    if as_json:
        print_json({**asdict(summary), "path": str(summary.path)})
    else:
        print(summary)
    if summary.hazards:
        sys.exit(1)
