"""The report document: everything a page or a table shows, as a run wrote it to `report.json`.

Scores are fractions from 0 to 1. "Integer" names the score of the program that ships, whatever its arithmetic:
for a float32 recipe it is the generated C's own float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from smidgen.errors import DataError
from smidgen.records import EvaluationRecord, LayerMeasurement, Measurement
from smidgen.typed_json import from_json

UNLABELLED = -1
"""Room index of a time step whose true room nobody noted, or for which a program gave no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build(EvaluationRecord):
    """One model under one recipe, trained and scored on one split with one seed; run on an emulated core."""

    stack_bytes: int
    instructions: int

    def __post_init__(self) -> None:
        _check_fractions(
            self, "macro_f1_float", "macro_f1_integer", "accuracy_float", "accuracy_integer", "argmax_agreement"
        )

    @property
    def name(self) -> str:
        return f"{self.model} {self.recipe}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledResult:
    """One model under one recipe: decisions pooled over the splits, mean and spread over the seeds."""

    model: str
    recipe: str
    n_seeds: int
    n_decisions: int | None = None  # scored with each seed
    macro_f1_float: float
    macro_f1_float_std: float | None = None
    macro_f1_integer: float
    macro_f1_integer_std: float | None = None
    macro_f1_without_rare: float | None = None
    accuracy_float: float
    accuracy_integer: float
    argmax_agreement: float  # over all decisions
    argmax_agreement_worst: float | None = None  # of one split and seed
    mismatched_bytes: int  # sum over splits and seeds
    ram_bytes: int  # the most over splits and seeds, as flash and instructions
    flash_bytes: int
    instructions: int
    parameters: int
    interval: tuple[float, float] | None = None  # paired bootstrap 95 % of macro_f1_integer - macro_f1_float

    def __post_init__(self) -> None:
        _check_fractions(
            self, "macro_f1_float", "macro_f1_integer", "accuracy_float", "accuracy_integer", "argmax_agreement"
        )

    @property
    def name(self) -> str:
        return f"{self.model} {self.recipe}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineResult:
    """A classical model on the same decisions, in Python only."""

    name: str
    macro_f1: float
    macro_f1_without_rare: float | None = None
    accuracy: float

    def __post_init__(self) -> None:
        _check_fractions(self, "macro_f1", "accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Counts of decisions of one program on one split: row the true room, column the predicted one."""

    model: str
    recipe: str
    split: str
    rooms: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        n = len(self.rooms)
        if len(self.matrix) != n or any(len(row) != n for row in self.matrix):
            found = " + ".join(str(len(row)) for row in self.matrix)
            raise DataError(f"matrix must be {n} x {n}, as there are {n} rooms; its rows hold {found} counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The rooms of one recording, time step by time step: the true one and what each program said."""

    split: str
    recording: str
    rooms: tuple[str, ...]
    time_s: tuple[float, ...]
    truth: tuple[int, ...]  # index into rooms, or UNLABELLED
    predictions: Mapping[str, tuple[int, ...]]

    def __post_init__(self) -> None:
        if not self.time_s or any(late <= early for early, late in pairwise(self.time_s)):
            raise DataError("time_s must hold at least one time and grow from each to the next")
        for name, steps in {"truth": self.truth, **self.predictions}.items():
            if len(steps) != len(self.time_s):
                raise DataError(f"'{name}' has {len(steps)} steps, time_s has {len(self.time_s)}")
            for room in steps:
                if not UNLABELLED <= room < len(self.rooms):
                    raise DataError(f"'{name}' names room {room}; there are {len(self.rooms)} rooms, counted from 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedLayer(LayerMeasurement):
    """One operator call on an emulated core, where everything is measured."""

    instructions: int
    flash_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramMeasurement(Measurement):
    """What one model under one recipe costs on an emulated core, where everything is measured."""

    model: str
    recipe: str
    stack_bytes: int
    instructions: int
    instructions_min: int
    layers: tuple[CountedLayer, ...]

    def __post_init__(self) -> None:
        layers_bytes = sum(layer.flash_bytes for layer in self.layers)
        if layers_bytes > self.flash_bytes:
            raise DataError(f"the layers hold {layers_bytes} B of flash, the whole program only {self.flash_bytes} B")

    @property
    def name(self) -> str:
        return f"{self.model} {self.recipe}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes against which programs are judged, in bytes."""

    ram_limits: tuple[int, ...] = (32 * 1024, 64 * 1024)
    flash_limits: tuple[int, ...] = (64 * 1024,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A run's outcome. Only the programs, the command and its circumstances are always there."""

    title: str
    command: str
    versions: Mapping[str, str]
    data: str
    pooled: tuple[PooledResult, ...]
    results: tuple[Build, ...] = ()
    baselines: tuple[BaselineResult, ...] = ()
    rare_rooms: tuple[str, ...] = ()
    confusion: tuple[Confusion, ...] = ()
    timeline: Timeline | None = None
    measurements: tuple[ProgramMeasurement, ...] = ()
    targets: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.pooled:
            raise DataError("'pooled' is empty: there is no program to report on")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object], *, source: str = "report document") -> Document:
        """Return the document that `mapping` holds; DataError names `source` and the entry that does not fit."""
        try:
            return from_json(cls, mapping, source)
        except DataError as error:
            raise DataError(f"{error}. Run the command that wrote the document again") from None

    @property
    def best(self) -> PooledResult:
        """The int8 program of highest macro-F1; of all programs where none is int8."""
        int8 = [result for result in self.pooled if result.recipe == "int8"]
        return max(int8 or self.pooled, key=lambda result: result.macro_f1_integer)


def _check_fractions(record: object, *names: str) -> None:
    for name in names:
        if not 0.0 <= getattr(record, name) <= 1.0:
            raise DataError(f"'{name}' must be a fraction from 0 to 1, got {getattr(record, name)}")
