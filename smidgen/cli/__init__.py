"""The command line: `smidgen VERB`. Each area brings its own verbs; here they are gathered and errors are told.

Results go to stdout (`--json` for machines), progress and errors to stderr; the exit status is 0 for success, 1 for
anything that Smidgen refuses or finds wrong, 2 for a command line it does not understand.
"""

import sys

import typer
from rich.console import Console
from rich.markup import escape

from smidgen.cli.compiling import compile, verify
from smidgen.cli.experiments import demo, distill, report, train
from smidgen.cli.importing import inspect
from smidgen.cli.localising import localise
from smidgen.cli.operators import ops
from smidgen.cli.targets import targets
from smidgen.data.cli import app as data_app
from smidgen.errors import SmidgenError

__all__ = ["app", "main"]

app = typer.Typer(
    help="PyTorch sequence models to proven C99 firmware for small microcontrollers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")
for verb in (localise, demo, report, train, distill, compile, verify, targets, ops, inspect):
    app.command()(verb)


def main() -> None:
    """Run the command line and exit; whatever Smidgen refuses, or a disk, becomes one red message."""
    try:
        app()
    except (SmidgenError, OSError) as error:
        Console(stderr=True).print(f"[red]{escape(str(error))}[/red]", soft_wrap=True)
        sys.exit(1)
