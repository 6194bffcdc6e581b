"""The document of a localisation study: its leaderboard, and what only pictures need, as `localisation.json` has it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

from smidgen.errors import DataError
from smidgen.records import LocalisationRecord
from smidgen.report.document import Confusion, Timeline
from smidgen.report.energy_bars import EnergyPart
from smidgen.typed_json import from_json
from smidgen.whole_file import write_whole

OFF = "off"
RANDOM_STARTS = "random starts"
ROLES = ("student", "teacher", "baseline", "ceiling")
_AS_IT_SHIPS = ("int8", "float32", "float", "annotation")  # what is nearer to the wrist comes first

Row = TypeVar("Row", bound=LocalisationRecord)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(LocalisationRecord):
    """One row of the leaderboard, and where it errs. Shares are fractions from 0 to 1."""

    name: str
    argmax_agreement: float | None = None  # with the same model in Python; None for that one
    decisions: int = 0  # scored with each seed
    transition_share: float = 0.0  # of decisions within 4 s of a change of room
    transition_error: float | None = None  # of those, how many are wrong
    dwell_error: float | None = None  # of the others
    n_compared: int = 0  # answers that ran in the reference and in C
    n_emulated: int = 0

    def __post_init__(self) -> None:
        for name in ("macro_f1", "macro_f1_8", "accuracy"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise DataError(f"'{name}' must be a fraction from 0 to 1, got {getattr(self, name)}")
        if self.role not in ROLES:
            raise DataError(f"'role' must be one of {', '.join(ROLES)}, got {self.role!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFirmware:
    """The firmware that a study leaves: trained on all recordings, self-tested on each core of `instructions`."""

    folder: str
    model: str
    recipe: str
    decoding: str
    instructions: Mapping[str, int]  # by core, of one decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominee:
    """The row that answers a question, named before the study whatever its score would be."""

    question: str
    model: str
    recipe: str
    decoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What a study found."""

    title: str
    command: str
    versions: Mapping[str, str]
    data: str
    rare_rooms: tuple[str, ...] = ()
    entries: tuple[Entry, ...]
    confusion: tuple[Confusion, ...] = ()
    timeline: Timeline | None = None
    energy: tuple[EnergyPart, ...] = ()  # of the delivered program, for an hour of wear
    nominees: tuple[Nominee, ...] = ()
    delivered: DeliveredFirmware | None = None

    def __post_init__(self) -> None:
        if not self.entries:
            raise DataError("'entries' is empty: there is nothing to report on")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], *, source: str = "study") -> Study:
        """Return the study that `mapping` holds; DataError names `source` and the entry that does not fit."""
        try:
            return from_json(cls, mapping, source)
        except DataError as error:
            raise DataError(f"{error}. Run `smidgen localise` again") from None

    @property
    def chosen(self) -> Entry:
        """The program that is delivered, which no held-out score chose; the first entry where nothing is."""
        if self.delivered is None:
            return self.entries[0]
        found = self._whole(self.delivered.model, self.delivered.recipe, self.delivered.decoding)
        return self.entries[0] if found is None else found

    @property
    def chosen_was_named(self) -> bool:
        """Whether the row that leads answers a question as it was named to, and none stands in for it."""
        row = self.chosen
        return (row.model, row.recipe, row.decoding) in {(n.model, n.recipe, n.decoding) for n in self.nominees}

    def nominee(self, question: str) -> Entry | None:
        """Return the row that was named for a question; None where none was, or where it was not run."""
        named = (each for each in self.nominees if each.question == question)
        return next((self._whole(each.model, each.recipe, each.decoding) for each in named), None)

    def _whole(self, model: str, recipe: str, decoding: str) -> Entry | None:
        rows = (entry for entry in self.entries if not starts_anywhere(entry))
        wanted = (model, recipe, decoding)
        return next((entry for entry in rows if (entry.model, entry.recipe, entry.decoding) == wanted), None)


def headline(records: Sequence[Row]) -> list[Row]:
    """Return the rows that a reader sees first, by role and score.

    Of each model and recipe: without decoding, one that knows which rooms adjoin, one that learned how often each way
    is taken. Of a student that is the one that hears most, so that no score chooses it; of a baseline the best, since
    it is what others are held against. All others are there too, further below.
    """
    chosen: dict[tuple[str, str, str], Row] = {}
    for record in records:
        if not starts_anywhere(record):
            key = (record.model, record.recipe, record.decoding.split(",")[0])
            if key not in chosen or _comes_before(record, chosen[key]):
                chosen[key] = record
    return _by_role(chosen.values())


def summary(records: Sequence[Row]) -> list[Row]:
    """Return a row or two a model, by role and score: as it ships without decoding, and a baseline at its best too."""
    from_the_start = [record for record in records if not starts_anywhere(record)]
    chosen = []
    for name in dict.fromkeys(record.model for record in from_the_start):
        own = [record for record in from_the_start if record.model == name]
        plain = [record for record in own if record.decoding == OFF]
        chosen.append(min(plain or own, key=lambda record: _AS_IT_SHIPS.index(record.recipe)))
        best = max(own, key=lambda record: record.macro_f1_8)
        if best.role == "baseline" and best is not chosen[-1]:
            chosen.append(best)
    return _by_role(chosen)


def from_random_starts(record: LocalisationRecord, records: Sequence[Row]) -> Row | None:
    """Return the same way of finding rooms, its state begun in the middle of recordings; None if not scored."""
    wanted = (record.model, record.recipe, record.decoding)
    return next((r for r in records if starts_anywhere(r) and (r.model, r.recipe, r.decoding) == wanted), None)


def _by_role(records: Iterable[Row]) -> list[Row]:
    return sorted(records, key=lambda record: (ROLES.index(record.role), -record.macro_f1_8))


def _comes_before(record: Row, other: Row) -> bool:
    """Return whether a row stands for its decoders rather than another of the same model and recipe."""
    if record.role == "baseline":
        return record.macro_f1_8 > other.macro_f1_8
    delays = [float("inf") if each.delay_s is None else each.delay_s for each in (record, other)]
    return delays[0] > delays[1]


def starts_anywhere(record: LocalisationRecord) -> bool:
    """Return whether the model's state began in the middle of recordings."""
    return record.protocol.endswith(RANDOM_STARTS)


def save_localisation(records: Sequence[LocalisationRecord], path: Path) -> None:
    """Store a leaderboard as version control keeps it: a list of flat records, one a line."""
    names = [field.name for field in fields(LocalisationRecord)]
    lines = (json.dumps({name: getattr(r, name) for name in names}, ensure_ascii=False) for r in records)
    write_whole(path, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def load_localisation(path: Path) -> list[LocalisationRecord]:
    """Return the records that `save_localisation` wrote; DataError for a file that is missing or does not fit."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"no records at {path} ({error.strerror}); `make localisation` writes them") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}. Restore it, or run `make localisation`") from error
    if not isinstance(rows, list) or not rows:
        raise DataError(
            f"{path}: expected a list of records, found {'an empty one' if rows == [] else 'something else'}"
        )
    return [
        from_json(LocalisationRecord, row, f"{path}, row {number}", exact=True) for number, row in enumerate(rows, 1)
    ]
