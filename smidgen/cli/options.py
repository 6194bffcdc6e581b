"""What several verbs share: their options, and how results are printed."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[str, typer.Option(help="simulated, sphere (needs --root), or your own recordings: their folder.")]
Root = Annotated[Path | None, typer.Option(help="Folder that holds the SPHERE recordings.", envvar="SMIDGEN_DATA")]
Run = Annotated[Path, typer.Argument(help="Run folder, made by `smidgen train`.")]
Recipe = Annotated[str, typer.Option(help="int8, float32, int16, or a TOML file.")]
Optimize = Annotated[str, typer.Option(help="What the C is made for: speed, size of code, or balanced.")]
Target = Annotated[str, typer.Option(help="Core or board to compile for; `smidgen targets` lists them.")]


def print_json(value: Any) -> None:
    """Print a result for machines."""
    print(json.dumps(value, indent=1))
