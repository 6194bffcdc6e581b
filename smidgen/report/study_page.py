"""The page of a localisation study: one self-contained HTML file, no script, nothing loaded from anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smidgen.report.companions import Grid, read_companions
from smidgen.report.confusion import ConfusionFigure, draw_confusion
from smidgen.report.document import Confusion
from smidgen.report.energy_bars import draw_energy
from smidgen.report.formatting import NOTHING, count, number_word, percent, score
from smidgen.report.page import read_document, template
from smidgen.report.scatter import compiled_entries, draw_scatters
from smidgen.report.study import Entry, Study, from_random_starts, headline
from smidgen.report.study_table import study_columns
from smidgen.report.targets import judge_targets
from smidgen.report.timeline import draw_timeline
from smidgen.whole_file import write_whole

STUDY_FILE = "localisation.json"
STUDY_PAGE_FILE = "localisation.html"

_TITLES = {
    "student": "Students",
    "teacher": "Teachers, in Python only",
    "baseline": "Baselines, in Python only",
    "ceiling": "Ceiling, a person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRow:
    """F1 by room of one entry; `shade` of a cell, 0 to 1, is what it lacks to be right."""

    name: str
    cells: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBar:
    """Where one entry errs: percent of decisions near a change of room, and of those while staying, that are wrong."""

    name: str
    transition: str
    dwell: str
    transition_width: float  # percent of the axis
    dwell_width: float


def write_study(run_folder: Path, *, records: Path | None = None) -> Path:
    """Draw `localisation.json` of a run folder as a page beside it, and return the page's path.

    Args: records, a folder with those of other benchmarks (disturbances, calibration), which the page shows too.
    Raises:
        DataError: the document is missing, is not JSON, or an entry in it does not fit.
    """
    source = run_folder / STUDY_FILE
    study = Study.from_mapping(read_document(source, written_by="smidgen localise"), source=str(source))
    page = run_folder / STUDY_PAGE_FILE
    write_whole(page, _render(study, read_companions(records, study.data)).encode())
    return page


def render_study(mapping: Mapping[str, object]) -> str:
    """Return the page of a study. Equal studies give equal bytes; DataError where an entry does not fit."""
    return _render(Study.from_mapping(mapping), ())


def _render(study: Study, companions: Sequence[Grid]) -> str:
    shown = headline(study.entries)
    return template(STUDY_PAGE_FILE).render(
        study=study,
        headline=_headline(study),
        detail=_detail(study),
        proved=not any(entry.mismatched_bytes for entry in study.entries),
        compared=sum(entry.n_compared for entry in compiled_entries(study)),
        columns=study_columns(study.rare_rooms),
        groups=_groups(study, shown),
        others=[entry for entry in study.entries if entry not in shown],
        targets=judge_targets(study) if study.data == "sphere" else (),
        rooms=tuple(study.entries[0].per_room_f1),
        room_rows=[_room_row(entry) for entry in shown],
        errors=_error_bars([entry for entry in shown if entry.role != "ceiling"]),
        transition_share=percent(shown[0].transition_share),
        scatters=draw_scatters(study),
        programs=compiled_entries(study),
        energy=draw_energy(study.energy),
        companions=companions,
        timeline=None if study.timeline is None else draw_timeline(study.timeline),
        confusions=_confusions(study.confusion),
    )


def _headline(study: Study) -> str:
    programs = compiled_entries(study)
    if not programs:
        return f"{number_word(len(headline(study.entries)))} ways to find rooms, none of them compiled."
    mismatched = sum(entry.mismatched_bytes or 0 for entry in study.entries)
    compiled = f"{len(programs)} {'program' if len(programs) == 1 else 'programs'}"
    return (
        f"{study.chosen.model} {study.chosen.recipe} finds rooms with macro-F1 {score(study.chosen.macro_f1_8)} in "
        f"{count(study.chosen.ram_bytes or 0)} B of RAM; {count(mismatched)} bytes differ in {compiled}."
    )


def _detail(study: Study) -> str:
    sentences = []
    if study.data == "sphere" and study.chosen_was_named:
        sentences.append("It was named before the study, by trainings without two sequences.")
    teacher = study.nominee("teacher")
    if teacher is not None:
        sentences.append(f"The teacher, {teacher.name}, has {score(teacher.macro_f1_8)}.")
    baselines = [entry for entry in headline(study.entries) if entry.role == "baseline"]
    if baselines:
        best = max(baselines, key=lambda entry: entry.macro_f1_8)
        sentences.append(f"The best baseline, {best.name}, has {score(best.macro_f1_8)}.")
    return " ".join(sentences)


def _groups(study: Study, shown: Sequence[Entry]) -> list[tuple[str, list[tuple[Entry, Entry | None]]]]:
    """Return the rows of the leaderboard by role, each with its score from random starts."""
    groups = []
    for role, title in _TITLES.items():
        own = [(entry, from_random_starts(entry, study.entries)) for entry in shown if entry.role == role]
        if own:
            groups.append((title, own))
    return groups


def _room_row(entry: Entry) -> RoomRow:
    cells = tuple((NOTHING, 0.0) if f1 is None else (score(f1), round(1 - f1, 3)) for f1 in entry.per_room_f1.values())
    return RoomRow(name=entry.name, cells=cells)


def _error_bars(entries: Sequence[Entry]) -> list[ErrorBar]:
    rates = [(entry, entry.transition_error or 0.0, entry.dwell_error or 0.0) for entry in entries]
    most = max((max(near, dwell) for _, near, dwell in rates), default=0.0) or 1.0
    return [
        ErrorBar(
            name=entry.name,
            transition=percent(near),
            dwell=percent(dwell),
            transition_width=round(100 * near / most, 2),
            dwell_width=round(100 * dwell / most, 2),
        )
        for entry, near, dwell in rates
    ]


def _confusions(confusions: Sequence[Confusion]) -> list[ConfusionFigure]:
    return [draw_confusion(each.model, each.rooms, [each]) for each in confusions]
