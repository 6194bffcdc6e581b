"""The leaderboard of a localisation study: its columns defined once, on the page, in a terminal and in markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from smidgen.records import LocalisationRecord
from smidgen.report.formatting import NOTHING, count, hundredths, score, score_with_spread
from smidgen.report.study import Study, from_random_starts, headline

_NAMED_ROOMS = 2  # more rare rooms than that do not fit a heading


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyColumn:
    """One column: `heading` on the page and in markdown, `short` in a terminal."""

    heading: str
    short: str
    cell: Callable[[LocalisationRecord], str]
    is_text: bool = False


def study_columns(rare_rooms: Sequence[str]) -> tuple[StudyColumn, ...]:
    """Return the columns; without rare rooms both scores are one."""
    chosen = [_MODEL, _RECIPE, _DECODING, _DELAY]
    if rare_rooms:
        chosen.append(_without(rare_rooms))
    return (*chosen, *_REST)


def study_table(mapping: Mapping[str, object]) -> Table:
    """Return the headline rows for a terminal of 118 columns, a section a role; DataError for no study."""
    study = Study.from_mapping(mapping)
    table = Table(
        title=study.title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    columns = study_columns(study.rare_rooms)
    for column in columns:
        table.add_column(column.short, justify="left" if column.is_text else "right", overflow="fold")
    role = None
    for entry in headline(study.entries):
        if role not in (None, entry.role):
            table.add_section()
        role = entry.role
        table.add_row(*(Text(column.cell(entry)) for column in columns))
    return table


def localisation_markdown(
    rows: Sequence[LocalisationRecord], records: Sequence[LocalisationRecord], rare_rooms: Sequence[str]
) -> str:
    """Return rows of a study as a GitHub table, in their order.

    What was scored from random starts too, among all `records`, has that macro-F1, without the rare rooms, in the last
    column.
    """
    columns = study_columns(rare_rooms)
    lines = [
        [*(column.heading for column in columns), "from random starts"],
        ["---" if column.is_text else "---:" for column in columns] + ["---:"],
        *(
            [*(column.cell(record) for column in columns), _elsewhere(from_random_starts(record, records))]
            for record in rows
        ),
    ]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def delay(record: LocalisationRecord) -> str:
    """Return how long an answer waits."""
    return "whole recording" if record.delay_s is None else f"{record.delay_s:g} s"


def _elsewhere(record: LocalisationRecord | None) -> str:
    return NOTHING if record is None else score(record.macro_f1_8)


def _optional(value: int | None) -> str:
    return NOTHING if value is None else count(value)


def _without(rare_rooms: Sequence[str]) -> StudyColumn:
    named = ", ".join(rare_rooms) if len(rare_rooms) <= _NAMED_ROOMS else "rare rooms"
    return StudyColumn(
        heading=f"macro-F1 without {named}", short="F1 no\nrare", cell=lambda record: score(record.macro_f1_8)
    )


_MODEL = StudyColumn(heading="model", short="model", cell=lambda record: record.model, is_text=True)
_RECIPE = StudyColumn(heading="recipe", short="recipe", cell=lambda record: record.recipe, is_text=True)
_DECODING = StudyColumn(heading="decoding", short="decoding", cell=lambda record: record.decoding, is_text=True)
_DELAY = StudyColumn(
    heading="delay", short="delay", cell=lambda record: "all" if record.delay_s is None else f"{record.delay_s:g} s"
)
_REST = (
    StudyColumn(
        heading="macro-F1",
        short="macro-F1",
        cell=lambda record: score_with_spread(record.macro_f1, record.macro_f1_std, record.seeds),
    ),
    StudyColumn(heading="accuracy, %", short="accu-\nracy %", cell=lambda record: hundredths(record.accuracy)),
    StudyColumn(heading="parameters", short="param-\neters", cell=lambda record: _optional(record.parameters)),
    StudyColumn(heading="RAM, B", short="RAM\nB", cell=lambda record: _optional(record.ram_bytes)),
    StudyColumn(heading="flash, B", short="flash\nB", cell=lambda record: _optional(record.flash_bytes)),
    StudyColumn(heading="instructions", short="instruc-\ntions", cell=lambda record: _optional(record.instructions)),
    StudyColumn(
        heading="mismatched bytes", short="bytes\ndiffer", cell=lambda record: _optional(record.mismatched_bytes)
    ),
)
