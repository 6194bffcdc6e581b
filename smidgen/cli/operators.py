"""The verb that lists what compiles."""

from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from smidgen.cli.options import Json, print_json

_TABLE_COLUMNS = 118  # of a table that goes to a file or a pipe


def ops(as_json: Json = False) -> None:
    """List torch's operators that compile: in int8, with int16 activations (16x8), in float32, and in which form."""
    from smidgen.lowering import operator_table
    from smidgen.lowering.supported import PRECISIONS

    supported = operator_table()
    if as_json:
        print_json([asdict(operator) for operator in supported])
        return
    table = Table("operator", *PRECISIONS, "form")
    for operator in supported:
        yes = ("yes" if precision in operator.precisions else "" for precision in PRECISIONS)
        table.add_row(operator.name, *yes, operator.form)
    console = Console()
    (console if console.is_terminal else Console(width=_TABLE_COLUMNS)).print(table)
