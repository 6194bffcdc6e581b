"""The table of programs and baselines: its columns defined once, drawn on the page, in a terminal and in markdown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from smidgen.report.document import BaselineResult, Document, PooledResult
from smidgen.report.formatting import NOTHING, count, hundredths, score, score_with_spread, signed

_NAMED_ROOMS = 2  # more rare rooms than that do not fit a heading


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: `heading` on the page and in markdown, `short` in a terminal, two lines of which it may take."""

    heading: str
    short: str  # "": the terminal has no room for it
    program: Callable[[PooledResult], str]
    baseline: Callable[[BaselineResult], str] = lambda _: NOTHING


def columns(document: Document) -> tuple[Column, ...]:
    """Return the columns that this document can fill."""
    chosen = [_NAME, _FLOAT, _FIRMWARE]
    if any(result.interval is not None for result in document.pooled):
        chosen.append(_DIFFERENCE)
    if document.rare_rooms and any(result.macro_f1_without_rare is not None for result in document.pooled):
        chosen.append(_without(document.rare_rooms))
    return (*chosen, *_COSTS)


def results_table(mapping: Mapping[str, object]) -> Table:
    """Return the programs and, below them, the baselines for a terminal of 118 columns.

    Raises:
        DataError: `mapping` is not a report document.
    """
    document = Document.from_mapping(mapping)
    table = Table(
        title=document.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    shown = [column for column in columns(document) if column.short]
    for column in shown:
        table.add_column(column.short, justify="left" if column is _NAME else "right", overflow="fold")
    for result in document.pooled:
        table.add_row(*(Text(column.program(result)) for column in shown))
    if document.baselines:
        table.add_section()
    for baseline in document.baselines:
        table.add_row(*(Text(column.baseline(baseline)) for column in shown))
    return table


def markdown_table(mapping: Mapping[str, object]) -> str:
    """Return the programs and baselines as a GitHub table, and below it the command and versions that made them.

    Raises:
        DataError: `mapping` is not a report document.
    """
    document = Document.from_mapping(mapping)
    shown = columns(document)
    rows = [
        [column.heading for column in shown],
        ["---" if column is _NAME else "---:" for column in shown],
        *([column.program(result) for column in shown] for result in document.pooled),
        *([column.baseline(baseline) for column in shown] for baseline in document.baselines),
    ]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    versions = ", ".join(f"{name} {version}" for name, version in document.versions.items())
    return "\n".join([*lines, "", f"Measured by `{document.command}` with {versions}.", ""])


def _difference(result: PooledResult) -> str:
    if result.interval is None:
        return NOTHING
    low, high = result.interval
    return f"{signed(result.macro_f1_integer - result.macro_f1_float)} [{signed(low)}, {signed(high)}]"


def _without(rare_rooms: tuple[str, ...]) -> Column:
    return Column(
        heading=f"without {', '.join(rare_rooms) if len(rare_rooms) <= _NAMED_ROOMS else 'rare rooms'}",
        short="no\nrare",
        program=lambda result: score(result.macro_f1_without_rare),
        baseline=lambda baseline: score(baseline.macro_f1_without_rare),
    )


_NAME = Column(
    heading="program",
    short="program",
    program=lambda result: result.name,
    baseline=lambda baseline: baseline.name,
)
_FLOAT = Column(
    heading="macro-F1, float",
    short="macro-F1\nfloat",
    program=lambda result: score_with_spread(result.macro_f1_float, result.macro_f1_float_std, result.n_seeds),
    baseline=lambda baseline: score(baseline.macro_f1),
)
_FIRMWARE = Column(
    heading="macro-F1, firmware",
    short="macro-F1\nfirmware",
    program=lambda result: score_with_spread(result.macro_f1_integer, result.macro_f1_integer_std, result.n_seeds),
)
_DIFFERENCE = Column(heading="firmware − float [95 % interval]", short="", program=_difference)
_COSTS = (
    Column(
        heading="accuracy, %",
        short="accu-\nracy %",
        program=lambda result: hundredths(result.accuracy_integer),
        baseline=lambda baseline: hundredths(baseline.accuracy),
    ),
    Column(
        heading="argmax agreement, %",
        short="argmax\nsame %",
        program=lambda result: hundredths(result.argmax_agreement),
    ),
    Column(
        heading="mismatched bytes",
        short="bytes\ndiffer",
        program=lambda result: count(result.mismatched_bytes),
    ),
    Column(heading="RAM, B", short="RAM\nB", program=lambda result: count(result.ram_bytes)),
    Column(heading="flash, B", short="flash\nB", program=lambda result: count(result.flash_bytes)),
    Column(heading="instructions", short="instruc-\ntions", program=lambda result: count(result.instructions)),
    Column(heading="parameters", short="param-\neters", program=lambda result: count(result.parameters)),
)
